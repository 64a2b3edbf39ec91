//! Sessions from Rust: what a token looks like, who changes data beside others, and what is kept of it.

use brigade_core::data::JsonValue;

use super::*;
use crate::OpenOptions;

async fn open(settings: &str) -> (tempfile::TempDir, Brigade) {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("migrations")).unwrap();
    std::fs::write(folder.path().join("brigade.toml"), settings).unwrap();
    let brigade = Brigade::open(OpenOptions::project(folder.path())).await.unwrap();
    (folder, brigade)
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_kept_by_nobody() {
    let (folder, brigade) = open("").await;
    let sessions = brigade.sessions().unwrap();
    let (token, made) = sessions.create(NewSession::of("42")).await.unwrap();
    assert_eq!(sessions.find(&token).await.unwrap().unwrap().session, made.session);
    assert_eq!(sessions.find(&token).await.unwrap().unwrap().session.holder.principal().name(), "session:\"42\"");
    for wrong in ["", "bgs_", &token[1..], &token[..46], &format!("{token}A"), &token.replace("bgs_", "bgk_")] {
        assert_eq!(sessions.find(wrong).await.unwrap(), None, "{wrong}");
        assert!(!sessions.revoke(wrong).await.unwrap());
    }
    let (other, _) = sessions.create(NewSession::of("42")).await.unwrap();
    assert_ne!(token, other);
    brigade.close().await;
    for file in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(TOKEN_BYTES).any(|part| part == &token.as_bytes()[4..]), "only its hash is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_at_the_same_moment_are_all_there() {
    let (_folder, brigade) = open("").await;
    let sessions = brigade.sessions().unwrap();
    let (token, _) = sessions.create(NewSession::of("42")).await.unwrap();
    let patches: Vec<_> = (0..8)
        .map(|i| {
            let (sessions, token) = (sessions.clone(), token.clone());
            tokio::spawn(async move { sessions.patch(&token, &json(&format!("{{\"k{i}\":{i}}}"))).await })
        })
        .collect();
    for patch in patches {
        patch.await.unwrap().unwrap().expect("it is there");
    }
    let data = json(&sessions.find(&token).await.unwrap().unwrap().session.data);
    let JsonValue::Object(entries) = data.value else { panic!("an object") };
    assert_eq!(entries.len(), 8);
    brigade.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_only_looked_at_has_none() {
    let (folder, brigade) = open("").await;
    brigade.close().await;
    let looked = OpenOptions { run: false, ..OpenOptions::project(folder.path()) };
    let brigade = Brigade::open(looked).await.unwrap();
    assert_eq!(brigade.sessions().unwrap_err().code(), code::UNAVAILABLE);
    brigade.close().await;
}
