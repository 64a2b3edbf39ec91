//! What is shown, what is kept, and what a restart remembers.

use super::*;

fn new(role: &str) -> NewApiKey {
    NewApiKey { name: "batch".to_owned(), role: role.to_owned(), tenant: Some("acme".to_owned()), tier: None }
}

#[test]
fn a_key_is_shown_once_kept_as_a_hash_and_revocable() {
    let folder = tempfile::TempDir::new().unwrap();
    let keys = ApiKeys::open(folder.path()).unwrap();
    let (key, token) = keys.create(new(SERVICE), &Access::default()).unwrap();
    let (other, other_token) = keys.create(new(SERVICE), &Access::default()).unwrap();
    let text = std::fs::read_to_string(folder.path().join(file::NAME)).unwrap();
    let secret = token.rsplit_once('_').unwrap().1;
    assert_eq!(secret.len(), 64);
    assert!(!text.contains(secret) && text.contains(&key.id), "{text}");
    assert!(!format!("{keys:?}{:?}", keys.list()).contains(&hex(&hash(&token))));

    let principal = keys.principal(&token).unwrap();
    assert_eq!(
        (principal.name(), principal.tenant.clone()),
        (format!("apikey:{:?}@\"acme\"", key.id), Some("acme".to_owned()))
    );
    for wrong in [
        &token[..token.len() - 1],
        &format!("{token}0"),
        &token.replace(API_KEY_PREFIX, "bgx_"),
        &format!("{API_KEY_PREFIX}{}_{secret}", other.id),
        &format!("{API_KEY_PREFIX}{}_", key.id),
        API_KEY_PREFIX,
        "",
    ] {
        assert_eq!(keys.principal(wrong), None, "{wrong}");
    }

    assert!(keys.revoke(&key.id).unwrap());
    assert!(!keys.revoke(&key.id).unwrap());
    assert_eq!(keys.principal(&token), None);
    let again = ApiKeys::open(folder.path()).unwrap();
    assert_eq!(again.list(), [other]);
    assert_eq!(again.principal(&token), None);
    assert!(again.principal(&other_token).is_some());
}

#[test]
fn a_role_that_opens_nothing_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let keys = ApiKeys::open(folder.path()).unwrap();
    let mut access = Access::default();
    access.roles.insert("editor".to_owned(), BTreeMap::new());
    let refused = keys.create(new("editr"), &access).unwrap_err();
    assert_eq!((refused.code(), refused.get_hint()), (code::MALFORMED, Some("did you mean \"editor\"?")));
    for bad in ["", "a\nb", &"x".repeat(256)] {
        assert_eq!(keys.create(new(bad), &access).unwrap_err().code(), code::MALFORMED);
    }
    keys.create(new("editor"), &access).unwrap();
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join(file::NAME);
    let facts = r#""id":"a","name":"","role":"service","tenant":null,"tier":null,"created_at":"x""#;
    for damaged in ["[{", "[{}]", "", &format!("[{{{facts}}}]"), &format!("[{{{facts},\"hash\":\"0g\"}}]")] {
        std::fs::write(&path, damaged).unwrap();
        let refused = ApiKeys::open(folder.path()).unwrap_err();
        assert_eq!(refused.code(), code::CONFIG);
        assert!(refused.message().contains("keys.json"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[test]
#[cfg(unix)]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::TempDir::new().unwrap();
    ApiKeys::open(folder.path()).unwrap().create(new(SERVICE), &Access::default()).unwrap();
    let mode = std::fs::metadata(folder.path().join(file::NAME)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
