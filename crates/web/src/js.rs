//! What several files need from JavaScript: globals found alike in windows, workers and service workers, plain
//! objects.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// A property, or `undefined` where there is none.
pub(crate) fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// Something that every context calls by the same name: `indexedDB`, `navigator`, `crypto`.
pub(crate) fn global(name: &str) -> JsValue {
    property(&js_sys::global(), name)
}

/// A plain object with these properties.
pub(crate) fn object(properties: &[(&str, &JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        // Setting a property of a new plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}

/// A plain object whose properties are all text: the form of options and algorithms.
pub(crate) fn texts(properties: &[(&str, &str)]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        let _ = Reflect::set(&object, &JsValue::from_str(name), &JsValue::from_str(value));
    }
    object
}
