//! The canonical bytes of values: what digests are taken of, and what the spool and kept receipts hold on disk.
//!
//! One value has one encoding. Tags and layouts never change meaning; a new form takes a new tag.

use bigdecimal::BigDecimal;

use super::{Interval, Numeric, Row, Value};

/// Bytes that [`Encoder`] did not write: damaged, or of a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bytes are damaged or of a newer version")]
pub struct DecodeError;

/// Writes the canonical encoding.
#[derive(Debug, Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// An empty encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// One byte.
    pub fn u8(&mut self, n: u8) {
        self.0.push(n);
    }

    /// An unsigned number, 7 bits a byte, low ones first (LEB128).
    pub fn u64(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    /// Sixteen bytes, high ones first.
    pub fn u128(&mut self, n: u128) {
        self.0.extend_from_slice(&n.to_be_bytes());
    }

    /// A signed number, zigzag.
    pub fn i64(&mut self, n: i64) {
        self.u64(((n << 1) ^ (n >> 63)) as u64);
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A text with its length.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A row with its width.
    pub fn row(&mut self, row: &[Value]) {
        self.u64(row.len() as u64);
        row.iter().for_each(|v| self.value(v));
    }

    /// One value with its tag.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.u8(0),
            Value::Bool(b) => self.u8(1 + u8::from(*b)),
            Value::Int(n) => self.tagged(3, |e| e.i64(*n)),
            Value::Real(n) => self.tagged(4, |e| e.0.extend_from_slice(&n.to_bits().to_be_bytes())),
            Value::Double(n) => self.tagged(5, |e| e.0.extend_from_slice(&n.to_bits().to_be_bytes())),
            Value::Numeric(n) => self.tagged(6, |e| e.numeric(n)),
            Value::Text(s) => self.tagged(7, |e| e.text(s)),
            Value::Uuid(u) => self.tagged(8, |e| e.0.extend_from_slice(u.as_bytes())),
            Value::Bytes(b) => self.tagged(9, |e| e.bytes(b)),
            Value::Date(d) => self.tagged(10, |e| e.i64(i64::from(*d))),
            Value::Time(t) => self.tagged(11, |e| e.i64(*t)),
            Value::Timestamp(t) => self.tagged(12, |e| e.i64(*t)),
            Value::TimestampTz(t) => self.tagged(13, |e| e.i64(*t)),
            Value::Interval(i) => self.tagged(14, |e| {
                e.i64(i64::from(i.months));
                e.i64(i64::from(i.days));
                e.i64(i.micros);
            }),
            Value::Json(s) => self.tagged(15, |e| e.text(s)),
            Value::Array(items) => self.tagged(16, |e| e.row(items)),
        }
    }

    fn tagged(&mut self, tag: u8, body: impl FnOnce(&mut Self)) {
        self.u8(tag);
        body(self);
    }

    fn numeric(&mut self, n: &Numeric) {
        match n {
            Numeric::NaN => self.u8(1),
            Numeric::Infinity => self.u8(2),
            Numeric::NegInfinity => self.u8(3),
            Numeric::Finite(n) => {
                let (digits, scale) = n.as_bigint_and_exponent();
                self.u8(0);
                self.i64(scale);
                self.bytes(&digits.to_signed_bytes_be());
            }
        }
    }
}

/// Reads what [`Encoder`] wrote. Every length is checked against the bytes that are there.
#[derive(Debug)]
pub struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// If bytes are left.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError) }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(DecodeError)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError)
    }

    /// See [`Encoder::u8`].
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    /// See [`Encoder::u64`].
    ///
    /// # Errors
    /// At the end of the bytes, or past 64 bits.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError);
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(DecodeError)
    }

    /// See [`Encoder::u128`].
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        self.array().map(u128::from_be_bytes)
    }

    /// See [`Encoder::i64`].
    ///
    /// # Errors
    /// At the end of the bytes, or past 64 bits.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        let n = self.u64()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// See [`Encoder::bytes`].
    ///
    /// # Errors
    /// If fewer bytes are there than announced.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let n = self.u64()?;
        self.take(usize::try_from(n).map_err(|_| DecodeError)?)
    }

    /// See [`Encoder::text`].
    ///
    /// # Errors
    /// If it is no UTF-8.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError)
    }

    /// See [`Encoder::row`].
    ///
    /// # Errors
    /// If a value is damaged.
    pub fn row(&mut self) -> Result<Row, DecodeError> {
        self.row_at(0)
    }

    fn row_at(&mut self, depth: usize) -> Result<Row, DecodeError> {
        let width = self.u64()?;
        if width > self.0.len() as u64 || depth > 64 {
            return Err(DecodeError);
        }
        (0..width).map(|_| self.value_at(depth)).collect()
    }

    /// See [`Encoder::value`].
    ///
    /// # Errors
    /// If the value is damaged or its tag unknown.
    pub fn value(&mut self) -> Result<Value, DecodeError> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let small = |n: i64| i32::try_from(n).map_err(|_| DecodeError);
        Ok(match self.u8()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Int(self.i64()?),
            4 => Value::Real(f32::from_bits(u32::from_be_bytes(self.array()?))),
            5 => Value::Double(f64::from_bits(u64::from_be_bytes(self.array()?))),
            6 => Value::Numeric(self.numeric()?),
            7 => Value::Text(self.text()?.to_owned()),
            8 => Value::Uuid(uuid::Uuid::from_bytes(self.array()?)),
            9 => Value::Bytes(self.bytes()?.to_vec()),
            10 => Value::Date(small(self.i64()?)?),
            11 => Value::Time(self.i64()?),
            12 => Value::Timestamp(self.i64()?),
            13 => Value::TimestampTz(self.i64()?),
            14 => Value::Interval(Interval {
                months: small(self.i64()?)?,
                days: small(self.i64()?)?,
                micros: self.i64()?,
            }),
            15 => Value::Json(self.text()?.to_owned()),
            16 => Value::Array(self.row_at(depth + 1)?),
            _ => return Err(DecodeError),
        })
    }

    fn numeric(&mut self) -> Result<Numeric, DecodeError> {
        Ok(match self.u8()? {
            0 => {
                let scale = self.i64()?;
                let digits = bigdecimal::num_bigint::BigInt::from_signed_bytes_be(self.bytes()?);
                Numeric::Finite(BigDecimal::new(digits, scale))
            }
            1 => Numeric::NaN,
            2 => Numeric::Infinity,
            3 => Numeric::NegInfinity,
            _ => return Err(DecodeError),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_back_and_cut_bytes_are_refused() {
        let row: Row = vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Int(-1),
            Value::Real(0.1),
            Value::Double(-0.0),
            Value::Numeric("-12.50".parse().unwrap()),
            Value::Numeric(Numeric::NegInfinity),
            Value::Text("ä\n".into()),
            Value::Uuid(uuid::Uuid::max()),
            Value::Bytes(vec![0, 255]),
            Value::Date(-1),
            Value::Time(1),
            Value::Timestamp(i64::MAX),
            Value::TimestampTz(-5),
            Value::Interval(Interval { months: -1, days: 2, micros: i64::MIN }),
            Value::Json("{}".into()),
            Value::Array(vec![Value::Array(vec![Value::Null])]),
        ];
        let mut out = Encoder::new();
        out.row(&row);
        let bytes = out.finish();
        let mut input = Decoder::new(&bytes);
        assert_eq!(input.row().unwrap(), row);
        input.end().unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(Decoder::new(&bytes[..cut]).row(), Err(DecodeError), "cut at {cut}");
        }
    }

    /// Bytes written by version 1; they must stay readable for ever.
    #[test]
    fn reads_the_bytes_of_version_1() {
        let bytes = [3, 3, 1, 7, 2, b'h', b'i', 6, 0, 4, 2, 4, 226];
        assert_eq!(
            Decoder::new(&bytes).row().unwrap(),
            vec![Value::Int(-1), Value::Text("hi".into()), Value::Numeric("12.50".parse().unwrap())]
        );
    }

    proptest::proptest! {
        /// The spool and kept receipts may be damaged: bytes are read or refused, and what is read is written the same.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut input = Decoder::new(&bytes);
            if let Ok(row) = input.row() {
                let mut out = Encoder::new();
                out.row(&row);
                let again = out.finish();
                let back = Decoder::new(&again).row().unwrap();
                proptest::prop_assert_eq!(format!("{back:?}"), format!("{row:?}"));
            }
            let _ = crate::data::Receipt::decode(&bytes, crate::data::Durability::Full);
        }
    }
}
