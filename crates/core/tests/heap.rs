//! What a hostile body can cost: the heap at its fullest while the nastiest shapes are read.

use gatepass_core::field::Message;
use gatepass_core::form::Query;
use gatepass_core::http::MAX_BODY;
use gatepass_core::json::Object;
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes of heap a byte of body at most, so 16 MB in all. The dearest are arrays in arrays: the room for four values
/// for two bytes.
const TIMES: usize = 64;

/// What `work` takes at its fullest, beyond what is there already.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let result = work();
    (HEAP.peak_usage() - before, result)
}

/// A document of at most `MAX_BODY` bytes: `start`, as many of `piece` as fit, `end`.
fn full(start: &str, piece: &str, end: &str) -> String {
    let count = (MAX_BODY - start.len() - end.len()) / piece.len();
    [start, &piece.repeat(count), end].concat()
}

#[test]
fn a_body_costs_a_bounded_heap() {
    for (body, sound) in [
        (full("{\"a\":[0", ",0", "]}"), true),
        (full("{\"a\":[[]", ",[]", "]}"), true),
        (full("{\"a\":[{}", ",{}", "]}"), true),
        (full("{\"a\":[\"\"", ",\"\"", "]}"), true),
        (full("{\"a\":[\"x\"", ",\"x\"", "]}"), true),
        (full("{\"a\":[{\"\":0}", ",{\"\":0}", "]}"), true),
        (full("{\"a\":[0", &format!(",{}0{}", "[".repeat(30), "]".repeat(30)), "]}"), true),
        (full("{\"a\":\"", "\\u0061", "\"}"), true),
        (full("{\"a\":\"", "x", "\"}"), true),
        (full("{\"a\":", "[", ""), false),
        (full("{", "\"a\":{", ""), false),
        (full("", " ", ""), false),
    ] {
        let (used, read) = peak(|| Object::parse(body.as_bytes(), Message::Discovery));
        assert_eq!(read.is_ok(), sound, "{body:.20}");
        assert!(used <= TIMES * body.len(), "{body:.20}: {used} bytes, {} a byte", used / body.len());
    }
    // Refused for the count of its members, before they cost anything.
    let members: Vec<String> = (0..25_000).map(|number| format!("\"{number:x}\":0")).collect();
    let body = format!("{{{}}}", members.join(","));
    let (used, read) = peak(|| Object::parse(body.as_bytes(), Message::Discovery));
    assert!(read.is_err() && used < body.len(), "{used} bytes");

    for query in
        ["a&".repeat(8 * 1024), "%61=%61&".repeat(2 * 1024), "x".repeat(16 * 1024), "&".repeat(16 * 1024)]
    {
        let (used, _) = peak(|| Query::parse(&query, Message::AuthorizationResponse));
        assert!(used <= 4 * query.len(), "{query:.10}: {used} bytes");
    }
    // As many different names as fit: each is compared with those before it, 4,000 at most.
    let query: Vec<String> = (0..4000).map(|number| format!("{number:x}")).collect();
    let query = query.join("&");
    let (used, read) = peak(|| Query::parse(&query, Message::AuthorizationResponse).map(drop));
    assert!(read.is_err() || used <= 32 * query.len(), "{used} bytes, {} a byte", used / query.len());
}
