//! A message between a browser and a program: its length in four bytes of this machine's order, and JSON.

use std::io::{self, Read, Write};

use serde_json::Value;

/// More than any message of ours has; browsers take 1 MB.
const LONGEST: usize = 64 * 1024;

/// Reads a message; `None` at the end.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Value>> {
    let mut length = [0; 4];
    // Nothing at all is an end, a part of a length is not.
    if from.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..])?;
    let length = usize::try_from(u32::from_ne_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(io::Error::other("a message is too long"));
    }
    let mut text = vec![0; length];
    from.read_exact(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

/// Writes a message.
pub(super) fn write(to: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_ne_bytes())?;
    to.write_all(text.as_bytes())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let mut bytes = Vec::new();
        for message in [json!({"id": 1}), json!("ü")] {
            write(&mut bytes, &message).unwrap();
        }
        let mut from = bytes.as_slice();
        assert_eq!(read(&mut from).unwrap(), Some(json!({"id": 1})));
        assert_eq!(read(&mut from).unwrap(), Some(json!("ü")));
        assert_eq!(read(&mut from).unwrap(), None);
    }

    #[test]
    fn refuses_what_is_cut_or_too_long() {
        let long = u32::try_from(LONGEST + 1).unwrap().to_ne_bytes();
        for bytes in [&[1][..], &[2, 0, 0, 0, b'{'], &[1, 0, 0, 0, b'{'], &long] {
            assert!(read(&mut &*bytes).is_err(), "{bytes:?}");
        }
    }
}
