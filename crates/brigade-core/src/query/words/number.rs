//! Numbers: `12`, `-12`, `1.5`, `1.5e-10`, and versions such as `1.2.3`.

/// Whether a sign stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Yes,
    No,
}

/// How long a number is that a text begins with. With a sign before it, it may be cut out of what would else be a word, and
/// it is no version.
pub(super) fn length(text: &str, sign: Sign) -> Option<usize> {
    let bytes = text.as_bytes();
    let whole = digits(bytes);
    if whole == 0 {
        return None;
    }
    let groups = groups(bytes, whole);
    if groups.count > 1 {
        // More than one point: a version.
        return (sign == Sign::No).then_some(groups.end);
    }
    let end = groups.end;
    if let Some(exponent) = exponent(&bytes[end..]) {
        return Some(end + exponent);
    }
    let is_word = text[end..].chars().next().is_some_and(|c| super::chars::is_letter(c) || super::chars::is_mark(c));
    (groups.count == 1 || sign == Sign::Yes || !is_word).then_some(end)
}

/// How long a number with an exponent is: it ends where its digits do, whatever comes behind.
pub(super) fn with_exponent(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let groups = groups(bytes, digits(bytes));
    (groups.end > 0 && groups.count < 2).then(|| exponent(&bytes[groups.end..]).map(|length| groups.end + length))?
}

struct Groups {
    count: usize,
    end: usize,
}

/// `.digits`, as often as it comes.
fn groups(bytes: &[u8], mut end: usize) -> Groups {
    let mut count = 0;
    while bytes.get(end) == Some(&b'.') {
        let more = digits(&bytes[end + 1..]);
        if more == 0 {
            break;
        }
        end += 1 + more;
        count += 1;
    }
    Groups { count, end }
}

/// `e5`, `E-5`
fn exponent(bytes: &[u8]) -> Option<usize> {
    let (b'e' | b'E', rest) = bytes.split_first()? else { return None };
    let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
    let digits = digits(&rest[sign..]);
    (digits > 0).then_some(1 + sign + digits)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}
