//! Hosts, addresses of mail, paths: ASCII alone, each kept whole, so that `example.com` and `and/or` are one word.

/// `http://`
pub(super) fn protocol(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    (length > 0 && text[length..].starts_with("://")).then_some(length + 3)
}

/// `someone@example.com`
///
/// `word` is how long the word is that it begins with, of any letters if there is a digit among them.
pub(super) fn email(text: &str, word: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if !text[..word].is_ascii() {
        let is_named = text[..word].bytes().any(|b| b.is_ascii_digit()) && bytes.get(word) == Some(&b'@');
        return if is_named { host(&text[word + 1..]).map(|length| word + 1 + length) } else { None };
    }
    let mut end = 0;
    loop {
        let word = bytes[end..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        if word == 0 {
            return None;
        }
        end += word;
        match bytes.get(end) {
            Some(b'@') => return host(&text[end + 1..]).map(|length| end + 1 + length),
            Some(b'.' | b'-' | b'_') => end += 1,
            _ => return None,
        }
    }
}

/// `example.com`, `example.com:80`: words with a point, a hyphen or a low line between, of which the last is two letters or
/// more behind a point.
pub(super) fn host(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut end) = (0, None);
    let mut before = 0;
    loop {
        let word = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        if word == 0 {
            break;
        }
        let is_top = before == b'.' && word > 1 && bytes[at..at + word].iter().all(u8::is_ascii_alphabetic);
        at += word;
        end = if is_top { Some(at) } else { end };
        match bytes.get(at) {
            Some(&next @ (b'.' | b'-' | b'_')) => before = next,
            _ => break,
        }
        at += 1;
    }
    let end = end?;
    let port = bytes[end..].strip_prefix(b":").map_or(0, |port| port.iter().take_while(|b| b.is_ascii_digit()).count());
    Some(if port > 0 { end + 1 + port } else { end })
}

/// How long a chain of words is in which a host or an address of mail may lie.
pub(super) fn chain(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    loop {
        let word = bytes[end..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        end += word;
        if word == 0 || !matches!(bytes.get(end), Some(b'.' | b'-' | b'_')) {
            return end;
        }
        end += 1;
    }
}

/// `/path?a=b` behind a host; 0 where there is none.
pub(super) fn url_path(text: &str) -> usize {
    let is_of_url =
        |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    let Some(path) = text.strip_prefix('/') else { return 0 };
    match path.bytes().take_while(is_of_url).count() {
        0 => 0,
        length => length + 1,
    }
}

/// `and/or`, `v1.2`, `a/b.txt`: what begins as a word and goes on as a path. `word` is how long the word is.
pub(super) fn file(text: &str, word: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let ascii = bytes[..word].iter().take_while(|b| b.is_ascii()).count();
    let has_digit = bytes[..word].iter().any(u8::is_ascii_digit);
    if ascii < word && !has_digit {
        return None;
    }
    // Digits with a point behind them are a number.
    let is_number = bytes[..word].iter().all(u8::is_ascii_digit) && bytes.get(word) == Some(&b'.');
    let end = tail(bytes, word);
    (end > word && !is_number).then_some(end)
}

/// `/a/b`, `~a`, `~/a`, `./a`, `../a`, `..`. In the midst of what lies between words, only what begins with `/`.
pub(super) fn path(text: &str, is_between: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let (begin, is_whole) = match (bytes.first()?, bytes.get(1), bytes.get(2)) {
        (b'/', ..) => (0, false),
        _ if is_between => return None,
        (b'~', Some(b'/'), _) => (1, false),
        (b'~', Some(b), _) if is_name(*b) => (1 + name(&bytes[1..]), true),
        (b'.', Some(b'/'), _) => (1, false),
        (b'.', Some(b'.'), Some(b'/') | None) => (2, true),
        (b'.', Some(b'.'), Some(b)) if b.is_ascii_whitespace() => (2, true),
        _ => return None,
    };
    let end = tail(bytes, begin);
    (is_whole || end > begin).then_some(end)
}

/// How far a path goes on from a place inside it.
fn tail(bytes: &[u8], mut end: usize) -> usize {
    loop {
        let next = match (bytes.get(end), bytes.get(end + 1), bytes.get(end + 2)) {
            (Some(b'/'), Some(b), _) if is_name(*b) => end + 1,
            (Some(b'/'), Some(b'~'), Some(b)) if is_name(*b) => end + 2,
            (Some(b'/'), Some(b'~'), Some(b'/')) if bytes.get(end + 3).is_some_and(|&b| is_name(b)) => end + 2,
            (Some(b'/'), Some(b'.'), Some(b)) if is_name(*b) => end + 2,
            (Some(b'/'), Some(b'.'), Some(b'.')) if end > 0 => {
                end += 3;
                continue;
            }
            (Some(b'.'), Some(b), _) if is_name(*b) => end + 1,
            _ => return end,
        };
        end = next + name(&bytes[next..]);
    }
}

fn name(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&b| is_name(b) || b == b'-').count()
}

/// Whether a name of a path may begin so.
fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}
