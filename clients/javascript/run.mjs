// The ordinary API of supabase-js and postgrest-js against a server whose URL is given: one line of JSON for each feature.
// The tables are those of the rest suite (crates/brigade-testing/src/suites/rest/schema.sql).
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { PostgrestClient } from "@supabase/postgrest-js";

// Node 20 has no WebSocket, which supabase-js wants to see; nothing here opens one.
globalThis.WebSocket ??= class {};

const url = process.argv[2];
const supabase = createClient(url, "any-key", { auth: { persistSession: false, autoRefreshToken: false } });
const plain = new PostgrestClient(url);

const data = async (query, expected) => {
  const { data, error } = await query;
  assert.equal(error, null, JSON.stringify(error));
  assert.deepEqual(data, expected);
};
const refused = async (query, code) => {
  const { data, error } = await query;
  assert.equal(data, null);
  assert.equal(error?.code, code, JSON.stringify(error));
  for (const key of ["message", "details", "hint"]) assert.ok(key in error);
};

const suite = (client) => ({
  "select, order, limit": () => data(client.from("people").select("id, name").order("id").limit(2), [{ id: 1, name: "Ada" }, { id: 2, name: "Bob" }]),
  "range": () => data(client.from("people").select("id").order("id").range(1, 2), [{ id: 2 }, { id: 3 }]),
  "alias, cast, JSON path": () => data(client.from("people").select("who:name, age::text, s:data->>s").eq("id", 1), [{ who: "Ada", age: "36", s: "x" }]),
  "eq, neq, gt, gte, lt, lte": () => data(client.from("people").select("id").gt("id", 1).gte("id", 2).lt("id", 4).lte("id", 3).neq("id", 2).eq("id", 3), [{ id: 3 }]),
  "like, ilike, in, is, not": () => data(client.from("people").select("id").ilike("name", "a%").in("id", [1, 2, 3]).not("age", "is", null).is("active", true), [{ id: 1 }]),
  "contains, containedBy, overlaps": () => data(client.from("people").select("id").contains("tags", ["b"]).overlaps("tags", ["a", "z"]).containedBy("tags", ["a", "b", "c"]), [{ id: 1 }]),
  "textSearch": async () => {
    const found = (query, options) => client.from("people").select("id").textSearch("name", query, options).order("id");
    await data(found("'ada' & !'bob'"), [{ id: 1 }, { id: 3 }]);
    await data(found("ADA", { type: "plain" }), [{ id: 1 }, { id: 3 }]);
    await data(found("émile 50", { type: "phrase", config: "simple" }), [{ id: 4 }]);
    await data(found("\"émile 50\" or bob", { type: "websearch", config: "english" }), [{ id: 2 }, { id: 4 }]);
    await refused(found("ada bob"), "42601");
  },
  "or, and, match, filter": () => data(client.from("people").select("id").or("id.eq.1,and(age.gt.40,mood.eq.sad)").match({ active: true }).filter("id", "lt", 3), [{ id: 1 }]),
  "order with nulls": () => data(client.from("people").select("id").order("age", { ascending: false, nullsFirst: false }).order("id"), [{ id: 2 }, { id: 1 }, { id: 4 }, { id: 3 }]),
  "embed to one, to many, through a junction": () => data(
    client.from("posts").select("id, author:people!author(name), labels(name)").eq("id", 10).order("id", { referencedTable: "labels" }),
    [{ id: 10, author: { name: "Ada" }, labels: [{ name: "news" }, { name: "fun" }] }]),
  "inner embed, filter of an embed": () => data(client.from("people").select("id, posts!author!inner(id)").gt("posts.rating", 5).order("id"), [{ id: 1, posts: [{ id: 11 }] }, { id: 2, posts: [{ id: 12 }] }]),
  "single": () => data(client.from("people").select("name").eq("id", 1).single(), { name: "Ada" }),
  "single without a row": () => refused(client.from("people").select("name").eq("id", 99).single(), "PGRST116"),
  "maybeSingle": async () => {
    await data(client.from("people").select("name").eq("id", 1).maybeSingle(), { name: "Ada" });
    await data(client.from("people").select("name").eq("id", 99).maybeSingle(), null);
  },
  "count, head": async () => {
    const { count, data, error } = await client.from("people").select("*", { count: "exact", head: true });
    assert.deepEqual([count, data, error], [4, null, null]);
  },
  "csv": () => data(client.from("countries").select("code").eq("code", "fr").csv(), "code\nfr"),
  "explain": async () => {
    const read = () => client.from("people").select("id").eq("id", 1);
    const text = await read().explain();
    assert.equal(text.error, null, JSON.stringify(text.error));
    assert.ok(text.data.includes("people") || text.data.includes("SEARCH"), text.data);
    const json = await read().explain({ format: "json" });
    assert.equal(json.error, null, JSON.stringify(json.error));
    assert.ok(json.data[0].Plan["Node Type"], JSON.stringify(json.data));
  },
  "insert, select": () => data(client.from("tasks").insert({ title: "one", extra: { a: [1] } }).select("title, state, extra"), [{ title: "one", state: "open", extra: { a: [1] } }]),
  "insert without an answer": async () => {
    const { status, data, error } = await client.from("tasks").insert({ title: "two" });
    assert.deepEqual([status, data, error], [201, null, null]);
  },
  "insert many, defaultToNull": () => data(client.from("tasks").insert([{ title: "three", state: "x" }, { title: "four" }], { defaultToNull: false }).select("title, state"), [{ title: "three", state: "x" }, { title: "four", state: "open" }]),
  "update, eq, select, single": () => data(client.from("tasks").update({ rank: 5 }).eq("title", "one").select("title, rank").single(), { title: "one", rank: 5 }),
  "update with or": () => data(client.from("tasks").update({ rank: 6 }).or("title.eq.two,title.eq.three").select("rank"), [{ rank: 6 }, { rank: 6 }]),
  "maxAffected": () => refused(client.from("tasks").update({ rank: 7 }).gt("id", 0).maxAffected(1), "PGRST124"),
  "upsert": async () => {
    await data(client.from("pairs").upsert({ a: 1, b: 1, note: "x" }).select(), [{ a: 1, b: 1, note: "x" }]);
    await data(client.from("pairs").upsert([{ a: 1, b: 1, note: "y" }], { onConflict: "a,b" }).select("note"), [{ note: "y" }]);
    await data(client.from("pairs").upsert([{ a: 1, b: 1, note: "z" }], { ignoreDuplicates: true }).select("note"), []);
  },
  "delete": async () => {
    await data(client.from("pairs").delete().eq("a", 1).select("b"), [{ b: 1 }]);
    const { status, error } = await client.from("tasks").delete().gt("id", 0);
    assert.deepEqual([status, error], [204, null]);
  },
  "rpc": () => data(client.rpc("prolific", { min_posts: 2 }).select("name"), [{ name: "Ada" }]),
  "rpc by GET, filtered": () => data(client.rpc("prolific", {}, { get: true }).eq("posts", 1).order("id").select("id"), [{ id: 2 }, { id: 4 }]),
  "rpc of one object": () => data(client.rpc("person", { person: 1 }).select("name"), { name: "Ada" }),
  "errors": async () => {
    await refused(client.from("nothing").select(), "PGRST205");
    await refused(client.from("people").select("nothing"), "42703");
    await refused(client.from("people").select().eq("id", "x"), "22P02");
    await refused(client.from("people").insert({ id: 1, name: "x" }).select(), "23505");
    await refused(client.from("tasks").insert({ title: "x", owner: 99 }).select(), "23503");
    await refused(client.rpc("nothing"), "PGRST202");
  },
});

for (const [name, client] of [["supabase-js", supabase], ["@supabase/postgrest-js", plain]]) {
  for (const [feature, run] of Object.entries(suite(client))) {
    const error = await run().then(() => null, (error) => String(error.message ?? error).slice(0, 400));
    console.log(JSON.stringify({ client: name, feature, error }));
  }
}
