"""The ordinary API of `postgrest` against a server whose URL is given: one line of JSON for each feature."""

import json
import sys

from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError

client = SyncPostgrestClient(sys.argv[1])


def rows(query, expected):
    found = query.execute().data
    assert found == expected, f"{found} instead of {expected}"


def refused(query, code):
    try:
        query.execute()
    except APIError as error:
        assert error.code == code, f"{error.code} instead of {code}"
        return
    raise AssertionError(f"no error, and {code} was expected")


def table(name):
    return client.from_(name)


def counted():
    answer = table("people").select("id", count="exact").limit(1).execute()
    assert (answer.count, len(answer.data)) == (4, 1), answer
    assert table("people").select("*", count="exact", head=True).execute().count == 4


def single():
    rows(table("people").select("name").eq("id", 1).single(), {"name": "Ada"})
    refused(table("people").select("name").eq("id", 99).single(), "PGRST116")


def maybe_single():
    assert table("people").select("name").eq("id", 1).maybe_single().execute().data == {"name": "Ada"}
    assert table("people").select("name").eq("id", 99).maybe_single().execute() is None


def searched():
    def found(query, **options):
        return table("people").select("id").order("id").text_search("name", query, options=options)

    rows(found("'ada' & !'bob'"), [{"id": 1}, {"id": 3}])
    rows(found("ADA", type="plain"), [{"id": 1}, {"id": 3}])
    rows(found("émile 50", type="phrase", config="simple"), [{"id": 4}])
    rows(found('"émile 50" or bob', type="web_search", config="english"), [{"id": 2}, {"id": 4}])
    rows(table("people").select("id").wfts("name", "bob"), [{"id": 2}])
    refused(found("ada bob"), "42601")


def explained():
    def read():
        return table("people").select("id").eq("id", 1)

    text = read().explain().execute()
    assert "people" in text or "SEARCH" in text, text
    plan = read().explain(format="json").execute().data
    assert plan[0]["Plan"]["Node Type"], plan


def upserted():
    rows(table("pairs").upsert({"a": 2, "b": 1, "note": "x"}), [{"a": 2, "b": 1, "note": "x"}])
    rows(table("pairs").upsert([{"a": 2, "b": 1, "note": "y"}], on_conflict="a,b"), [{"a": 2, "b": 1, "note": "y"}])
    rows(table("pairs").upsert([{"a": 2, "b": 1, "note": "z"}], ignore_duplicates=True), [])


def errors():
    refused(table("nothing").select("*"), "PGRST205")
    refused(table("people").select("nothing"), "42703")
    refused(table("people").select("*").eq("id", "x"), "22P02")
    refused(table("people").insert({"id": 1, "name": "x"}), "23505")
    refused(client.rpc("nothing", {}), "PGRST202")


FEATURES = {
    "select, order, limit": lambda: rows(
        table("people").select("id, name").order("id").limit(2), [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}]
    ),
    "range": lambda: rows(table("people").select("id").order("id").range(1, 2), [{"id": 2}, {"id": 3}]),
    "eq, neq, gt, gte, lt, lte": lambda: rows(
        table("people").select("id").gt("id", 1).gte("id", 2).lt("id", 4).lte("id", 3).neq("id", 2).eq("id", 3),
        [{"id": 3}],
    ),
    "like, ilike, in, is, not": lambda: rows(
        table("people").select("id").ilike("name", "a%").in_("id", [1, 2, 3]).not_.is_("age", "null").is_("active", True),
        [{"id": 1}],
    ),
    "contains, overlaps": lambda: rows(
        table("people").select("id").contains("tags", ["b"]).overlaps("tags", ["a", "z"]), [{"id": 1}]
    ),
    "text_search": searched,
    "or, match, filter": lambda: rows(
        table("people").select("id").or_("id.eq.1,and(age.gt.40,mood.eq.sad)").match({"active": "true"}).filter("id", "lt", "3"),
        [{"id": 1}],
    ),
    "embed": lambda: rows(
        table("posts").select("id, author:people!author(name), labels(name)").eq("id", 12),
        [{"id": 12, "author": {"name": "Bob"}, "labels": [{"name": "fun"}]}],
    ),
    "single": single,
    "maybe_single": maybe_single,
    "count, head": counted,
    "csv": lambda: rows(table("countries").select("code").eq("code", "fr").csv(), "code\nfr"),
    "explain": explained,
    "insert": lambda: rows(table("labels").insert({"id": 20, "name": "py"}), [{"id": 20, "name": "py"}]),
    "insert many": lambda: rows(
        table("labels").insert([{"id": 21, "name": "a"}, {"id": 22, "name": "b"}]),
        [{"id": 21, "name": "a"}, {"id": 22, "name": "b"}],
    ),
    "update": lambda: rows(table("labels").update({"name": "c"}).eq("id", 22), [{"id": 22, "name": "c"}]),
    "upsert": upserted,
    "delete": lambda: rows(table("labels").delete().gte("id", 22), [{"id": 22, "name": "c"}]),
    "rpc": lambda: rows(client.rpc("prolific", {"min_posts": 2}).select("name"), [{"name": "Ada"}]),
    "rpc by GET": lambda: rows(client.rpc("person", {"person": 1}, get=True).select("name"), {"name": "Ada"}),
    "errors": errors,
}

for feature, run in FEATURES.items():
    error = None
    try:
        run()
    except Exception as caught:  # every failure is a line of the report
        error = f"{type(caught).__name__}: {caught}"[:400]
    print(json.dumps({"client": "postgrest (Python)", "feature": feature, "error": error}))
