//! Writing JSON, without a JSON crate.
//!
//! The runtime is linked into programs that know nothing of it, and rustc lets every crate that is
//! linked take part in type inference: `serde_json` compares numbers and strings with its `Value`,
//! which makes `assert_eq!(n, iterator.sum())` ambiguous in a program that never named it. So what
//! the runtime needs is written here, for the models of this crate; reading is behind the feature
//! `read`, for tools.

use std::fmt::{self, Write as _};

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::printable::is_printable;

/// `value` as JSON on one line.
pub(crate) fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    let mut text = String::new();
    value
        .serialize(Writer(&mut text))
        .expect("the models hold only strings, numbers, lists and maps with text for keys");
    text
}

/// Appends `text` in quotes. Escaped is what JSON demands and what is not printable: lines are read
/// on terminals too.
fn write_str(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            hidden if !is_printable(hidden) => {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    display(out, &format_args!("\\u{unit:04x}"));
                }
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn display(out: &mut String, value: &dyn fmt::Display) {
    write!(out, "{value}").expect("writing into a String cannot fail");
}

/// What a model cannot be written as: a message from its own `Serialize`, or a map key that is no
/// text.
#[derive(Debug)]
struct Unwritable(String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Written = Result<(), Unwritable>;

/// Appends one value.
struct Writer<'a>(&'a mut String);

/// Appends the parts of a list or a map, and what closes it.
struct Parts<'a> {
    out: &'a mut String,
    first: bool,
    close: &'static str,
}

impl<'a> Writer<'a> {
    fn open(self, open: &str, close: &'static str) -> Parts<'a> {
        self.0.push_str(open);
        Parts { out: self.0, first: true, close }
    }

    /// Opens `{"name":`, whose braces are closed by the caller's `close`.
    fn tag(&mut self, name: &str) {
        self.0.push('{');
        write_str(self.0, name);
        self.0.push(':');
    }

    fn number(self, value: impl fmt::Display) -> Written {
        display(self.0, &value);
        Ok(())
    }

    fn float(self, value: f64) -> Written {
        // JSON has no other way to say that a number is none.
        if !value.is_finite() {
            return self.serialize_unit();
        }
        write!(self.0, "{value:?}").expect("writing into a String cannot fail");
        Ok(())
    }
}

impl Parts<'_> {
    fn comma(&mut self) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(Writer(self.out))
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.comma();
        self.value(value)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Written {
        self.comma();
        write_str(self.out, key);
        self.out.push(':');
        self.value(value)
    }

    fn closed(self) -> Written {
        self.out.push_str(self.close);
        Ok(())
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    fn serialize_bool(self, value: bool) -> Written {
        self.number(value)
    }
    fn serialize_i8(self, value: i8) -> Written {
        self.number(value)
    }
    fn serialize_i16(self, value: i16) -> Written {
        self.number(value)
    }
    fn serialize_i32(self, value: i32) -> Written {
        self.number(value)
    }
    fn serialize_i64(self, value: i64) -> Written {
        self.number(value)
    }
    fn serialize_i128(self, value: i128) -> Written {
        self.number(value)
    }
    fn serialize_u8(self, value: u8) -> Written {
        self.number(value)
    }
    fn serialize_u16(self, value: u16) -> Written {
        self.number(value)
    }
    fn serialize_u32(self, value: u32) -> Written {
        self.number(value)
    }
    fn serialize_u64(self, value: u64) -> Written {
        self.number(value)
    }
    fn serialize_u128(self, value: u128) -> Written {
        self.number(value)
    }
    fn serialize_f32(self, value: f32) -> Written {
        self.float(f64::from(value))
    }
    fn serialize_f64(self, value: f64) -> Written {
        self.float(value)
    }
    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Written {
        write_str(self.0, value);
        Ok(())
    }
    fn serialize_bytes(self, value: &[u8]) -> Written {
        value.serialize(self)
    }
    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Written {
        self.0.push_str("null");
        Ok(())
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Written {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        self.tag(variant);
        value.serialize(Writer(self.0))?;
        self.0.push('}');
        Ok(())
    }
    fn serialize_seq(self, _len: Option<usize>) -> Result<Parts<'a>, Unwritable> {
        Ok(self.open("[", "]"))
    }
    fn serialize_tuple(self, _len: usize) -> Result<Parts<'a>, Unwritable> {
        Ok(self.open("[", "]"))
    }
    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Parts<'a>, Unwritable> {
        Ok(self.open("[", "]"))
    }
    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Parts<'a>, Unwritable> {
        self.tag(variant);
        Ok(self.open("[", "]}"))
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Parts<'a>, Unwritable> {
        Ok(self.open("{", "}"))
    }
    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Parts<'a>, Unwritable> {
        Ok(self.open("{", "}"))
    }
    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Parts<'a>, Unwritable> {
        self.tag(variant);
        Ok(self.open("{", "}}"))
    }
}

/// Elements without names: they are written alike, whatever contains them.
macro_rules! elements {
    ($($of:ident: $write:ident;)*) => {$(
        impl $of for Parts<'_> {
            type Ok = ();
            type Error = Unwritable;
            fn $write<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.element(value)
            }
            fn end(self) -> Written {
                self.closed()
            }
        }
    )*};
}

elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Unwritable;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.comma();
        let start = self.out.len();
        key.serialize(Writer(self.out))?;
        match self.out.as_bytes().get(start) {
            Some(b'"') => {}
            // A number is quoted, which is what other JSON writers do as well.
            Some(b'-' | b'0'..=b'9') => {
                self.out.insert(start, '"');
                self.out.push('"');
            }
            _ => return Err(ser::Error::custom("a map key that is neither text nor a number")),
        }
        self.out.push(':');
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.value(value)
    }
    fn end(self) -> Written {
        self.closed()
    }
}

impl SerializeStruct for Parts<'_> {
    type Ok = ();
    type Error = Unwritable;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.field(key, value)
    }
    fn end(self) -> Written {
        self.closed()
    }
}

impl SerializeStructVariant for Parts<'_> {
    type Ok = ();
    type Error = Unwritable;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.field(key, value)
    }
    fn end(self) -> Written {
        self.closed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::{Writer, to_string};
    use crate::printable::is_printable;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(u8),
        Tuple(i64, String),
        Struct { a: Option<bool>, b: Vec<u128> },
    }

    #[derive(Serialize)]
    struct Everything {
        text: String,
        character: char,
        numbers: (i8, u64, f64, f32),
        none: Option<u8>,
        shapes: Vec<Shape>,
        by_name: BTreeMap<String, ()>,
        by_number: BTreeMap<i32, [u8; 2]>,
        #[serde(flatten)]
        flat: BTreeMap<String, u8>,
        bytes: &'static [u8],
    }

    #[test]
    fn writes_what_serde_json_writes() {
        let written = |c: &char| (*c as u32) < 0x7f || is_printable(*c);
        let all = (0..0x250).filter_map(char::from_u32).filter(written);
        let all: String = all.chain("\"\\/🦀".chars()).collect();
        let value = Everything {
            text: all,
            character: '\'',
            numbers: (-3, u64::MAX, 1.5, f32::NAN),
            none: None,
            shapes: vec![
                Shape::Unit,
                Shape::Newtype(1),
                Shape::Tuple(i64::MIN, "x".into()),
                Shape::Struct { a: Some(true), b: vec![u128::MAX] },
                Shape::Struct { a: None, b: Vec::new() },
            ],
            by_name: [("k\n".to_owned(), ())].into(),
            by_number: [(-1, [1, 2]), (7, [3, 4])].into(),
            flat: [("extra".to_owned(), 9)].into(),
            bytes: b"ab",
        };
        assert_eq!(to_string(&value), serde_json::to_string(&value).expect("serde_json can"));
        assert_eq!(to_string("a\u{1}"), "\"a\\u0001\"");
    }

    #[test]
    fn what_is_not_printable_is_escaped_and_read_again() {
        let hostile = "\u{7f}\u{9b}31m\u{202e}\u{feff}\u{e0041}";
        let json = to_string(hostile);
        assert!(json.chars().all(is_printable), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), hostile);
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        let mut out = String::new();
        let map: BTreeMap<Option<u8>, u8> = [(None, 1)].into();
        assert!(map.serialize(Writer(&mut out)).is_err());
    }
}
