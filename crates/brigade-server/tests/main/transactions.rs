//! `POST /transactions`: effects, guards, keys, and how mistakes are told.

use crate::harness::{Answer, Running};

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_answers_results_and_its_position() {
    let server = Running::start().await;
    let answer = server
        .commit(
            r#"{"statements":[
              {"insert":{"table":"users","rows":[{"email":"a@x","balance":"12.5"}],"returning":["id","balance"]}},
              {"insert":{"table":"links","rows":[{"uid":"one","owner":{"returned":{"statement":0,"row":0,"column":"id"}},"meta":{"b":1,"a":[1.50]}}],"returning":["*"]}},
              {"update":{"table":"links","where":{"uid":"one"},"set":{"clicks":{"add":2}},"expect":1}},
              {"check":{"table":"links","where":{"clicks":{"gte":2}},"expect":{"min":1}}}
            ]}"#,
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(answer.header("brigade-position"), body["position"].as_str());
    assert!(body.get("durability").is_none(), "full durability is not named: {body}");
    assert!(answer.text.contains("\"balance\":12.50"), "exact digits: {}", answer.text);
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|r| r["rows"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1, 1, 1]);
    assert!(results[2].get("returned").is_none(), "{body}");
    let link = &results[1]["returned"][0];
    assert_eq!(link["owner"], results[0]["returned"][0]["id"]);
    assert_eq!(link["meta"]["a"][0].to_string(), "1.5");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_leaves_nothing_behind() {
    let server = Running::start().await;
    server.link("one").await;
    let insert = r#"{"insert":{"table":"links","rows":[{"uid":"two"}]}}"#;
    for (second, status, code) in [
        (r#"{"update":{"table":"links","where":{"uid":"none"},"set":{"clicks":1},"expect":1}}"#, 409, "BRG409"),
        (r#"{"check":{"table":"links","where":{"uid":"none"},"expect":1}}"#, 409, "BRG409"),
        (r#"{"insert":{"table":"links","rows":[{"uid":"one"}]}}"#, 409, "23505"),
        (
            r#"{"insert":{"table":"links","rows":[{"uid":"x","owner":"00000000-0000-4000-8000-000000000000"}]}}"#,
            409,
            "23503",
        ),
        (r#"{"insert":{"table":"links","rows":[{}]}}"#, 400, "23502"),
        (r#"{"insert":{"table":"links","rows":[{"uid":"x","clicks":"many"}]}}"#, 400, "22P02"),
        (r#"{"insert":{"table":"links","rows":[{"uid":"x","clicks":true}]}}"#, 400, "22P02"),
        (r#"{"insert":{"table":"links","rows":[{"uid":"x","clicks":99999999999}]}}"#, 400, "22003"),
        (r#"{"insert":{"table":"links","rows":[{"uid":"nul\u0000"}]}}"#, 400, "22P05"),
        (r#"{"insert":{"table":"links","rows":[{"uid":"x","color":1}]}}"#, 400, "42703"),
        (r#"{"insert":{"table":"link","rows":[{"uid":"x"}]}}"#, 404, "42P01"),
        (r#"{"insert":{"table":"brigade_log","rows":[{"uid":"x"}]}}"#, 404, "42P01"),
        (r#"{"delete":{"table":"links"}}"#, 400, "BRG400"),
    ] {
        let answer = server.commit(&format!("{{\"statements\":[{insert},{second}]}}")).await;
        let body = answer.is_error(status, code);
        let problem = &body["problems"][0];
        assert_eq!(problem["statement"], 1, "{body}");
        assert_eq!((&problem["code"], &problem["message"]), (&body["code"], &body["message"]), "{body}");
    }
    let check = r#"{"statements":[{"check":{"table":"links","expect":1}}]}"#;
    assert_eq!(server.commit(check).await.status, 200, "one link and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_problems_come_at_once() {
    let server = Running::start().await;
    let body = server
        .commit(
            r#"{"statements":[
              {"insert":{"table":"users","rows":[{"email":"a@x","balance":"x"},{"mail":"b@x"}]}},
              {"update":{"table":"nowhere","where":{"a":1},"set":{"b":2}}}
            ]}"#,
        )
        .await
        .is_error(400, "22P02");
    let problems = body["problems"].as_array().unwrap();
    assert!(problems.len() >= 3, "{body}");
    assert_eq!((&problems[0]["statement"], &problems[0]["field"]), (&0.into(), &"rows[0].balance".into()), "{body}");
    assert!(problems.iter().any(|p| p["statement"] == 1 && p["code"] == "42P01"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_effect_also_after_a_restart() {
    let mut server = Running::start().await;
    let body = r#"{"statements":[{"insert":{"table":"links","rows":[{"uid":"one"}],"returning":["id","uid"]}}]}"#;
    let send = async |server: &Running, key: &str, body: &str| {
        Answer::of(server.transaction(body).header("Idempotency-Key", key).send().await.unwrap()).await
    };
    let first = send(&server, "k1", body).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None), "{}", first.text);
    let replayed = |answer: Answer| {
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, Some("true")), "{}", answer.text);
        assert_eq!(answer.text, first.text);
        assert_eq!(answer.header("brigade-position"), first.header("brigade-position"));
    };
    replayed(send(&server, "k1", body).await);
    replayed(send(&server, "\"k1\"", body).await);
    send(&server, "k1", &body.replace("one", "two")).await.is_error(422, "BRG422");
    // A refused transaction leaves its key free.
    send(&server, "k2", body).await.is_error(409, "23505");
    assert_eq!(send(&server, "k2", &body.replace("one", "two")).await.status, 200);
    for bad in ["", "a b", "\"open", &"x".repeat(256)] {
        send(&server, bad, body).await.is_error(400, "BRG400");
    }
    server = server.restart().await;
    replayed(send(&server, "k1", body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_changes_nothing_answers_the_newest_position() {
    let server = Running::start().await;
    let newest = server.link("one").await.json()["position"].clone();
    let nothing = r#"{"statements":[{"delete":{"table":"links","where":{"uid":"none"}}}]}"#;
    let body = server.commit(nothing).await.json();
    assert_eq!((&body["position"], &body["results"][0]["rows"]), (&newest, &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_of_the_body_name_line_and_column() {
    let server = Running::start().await;
    for (body, details) in [
        ("{\"statements\": [\n  {\"insrt\": {}}]}", "line 2, column 3"),
        ("{\"statements\": [{\"check\":\n {\"table\": \"links\", \"expekt\": 1}}]}", "line 2, column 21"),
        ("nonsense", "line 1, column 2"),
    ] {
        let answer = server.commit(body).await.is_error(400, "BRG400");
        assert_eq!(answer["details"], details, "{answer}");
    }
    let invalid = server.request("POST", "/transactions").header("content-type", "application/json");
    let invalid = invalid.body(b"{\"statements\": \"\xff\"}".to_vec()).send().await.unwrap();
    Answer::of(invalid).await.is_error(400, "BRG400");
    let form = server.request("POST", "/transactions").header("content-type", "text/plain").body("{}");
    Answer::of(form.send().await.unwrap()).await.is_error(415, "BRG415");
    let foreign = server.transaction("{}").header("sec-fetch-site", "cross-site").send().await.unwrap();
    Answer::of(foreign).await.is_error(403, "BRG403");
}
