//! Reads that are answered.

use super::{Case, get, refused};

pub(super) fn rows() -> Vec<Case> {
    let ids = |filter: &str, ids: &str| {
        let rows: Vec<String> = ids.split_whitespace().map(|id| format!("{{\"id\":{id}}}")).collect();
        get(&format!("/people?select=id&order=id&{filter}"), &format!("[{}]", rows.join(",")))
    };
    vec![
        get(
            "/countries?order=code",
            r#"[{"code":"de","name":"Germany"},{"code":"fr","name":"France"},{"code":"jp","name":"Japan"}]"#,
        ),
        get("/countries?select=*&code=eq.fr", r#"[{"code":"fr","name":"France"}]"#),
        get(
            "/people?id=eq.1",
            r#"[{"id":1,"name":"Ada","age":36,"mood":"happy","country":"de","boss":null,
               "data":{"k": {"n": [10, 20]}, "s": "x", "t": 5},"tags":["a","b"],"born":"1990-05-17",
               "seen":"2026-01-02T03:04:05.5+00:00","score":12.50,"height":1.75,"active":true,
               "token":"6f9619ff-8b86-d011-b42d-00cf4fc964ff","photo":"\\x00ff","Full Name":"Ada, L."}]"#,
        ),
        get(
            "/people?select=full:name,data->>s,n:data->k->n->0,age&id=eq.1",
            r#"[{"full":"Ada","s":"x","n":10,"age":36}]"#,
        ),
        get("/people?select=%22Full+Name%22&id=lt.3&order=id", r#"[{"Full Name":"Ada, L."},{"Full Name":null}]"#),
        get("/people?select=&id=eq.1", "[{}]"),
        ids("id=gt.1&id=lte.3", "2 3"),
        ids("id=neq.1", "2 3 4"),
        ids("age=eq.36", "1 4"),
        ids("age=not.eq.36", "2"),
        ids("name=eq.%C3%89mile%20(50%25)", "4"),
        ids("Full+Name=eq.Ada,+L.", "1"),
        ids("name=like.A*", "1"),
        ids("name=like.%25da", "1 3"),
        ids("name=ilike.a%25", "1 3"),
        ids("name=ilike.%C3%A9%25", "4"),
        ids("Full+Name=like.E%5C_M", "4"),
        ids("name=match.%5EA", "1"),
        ids("name=imatch.%5Ea", "1 3"),
        ids("name=not.match.d", "2 4"),
        ids("name=match(any).%7B%5EB,%5C%5C(%7D", "2 4"),
        ids("name=like(any).%7BA*,B*%7D", "1 2"),
        ids("name=ilike(all).%7B*a*,*d*%7D", "1 3"),
        ids("id=eq(any).%7B1,4%7D", "1 4"),
        ids("id=gt(all).%7B1,2%7D", "3 4"),
        ids("name=in.(Ada,%22%C3%89mile+(50%25)%22,nobody)", "1 4"),
        ids("id=in.()", ""),
        ids("id=in.(3,1)", "1 3"),
        ids("id=not.in.(3,1)", "2 4"),
        ids("score=in.(12.5,9)", "1 2"),
        ids("score=gt.9.5", "1 4"),
        ids("score=eq.9", "2"),
        ids("height=lt.1", "4"),
        ids("active=is.true", "1 4"),
        ids("active=is.unknown", "3"),
        ids("active=not.is.true", "2 3"),
        ids("active=eq.false", "2"),
        ids("age=is.null", "3"),
        ids("age=is.not_null", "1 2 4"),
        ids("age=isdistinct.36", "2 3"),
        ids("age=isdistinct.null", "1 2 4"),
        ids("mood=gte.fine", "1 3"),
        ids("mood=eq.sad", "2"),
        ids("mood=in.(sad,happy)", "1 2"),
        ids("born=gte.1990-01-01", "1 4"),
        ids("seen=lt.2026-01-02T03:04:05.25Z", "2 4"),
        ids("token=eq.6F9619FF-8B86-D011-B42D-00CF4FC964FF", "1"),
        ids("photo=eq.%5Cx00ff", "1"),
        ids("data->>s=eq.y", "2"),
        ids("data->>t=eq.5", "1"),
        ids("data->0=eq.1", "4"),
        ids("data->k->n->>1=eq.20", "1"),
        ids("data=cs.%7B%22s%22:%22x%22%7D", "1"),
        ids("tags=cs.%7Bb%7D", "1 2"),
        ids("tags=cs.%7B%7D", "1 2 4"),
        ids("tags=cd.%7Ba,b,c%7D", "1 4"),
        ids("tags=ov.%7Ba,%22c+d%22%7D", "1 2"),
        ids("tags=eq.%7Ba,b%7D", "1"),
        ids("tags=eq.%7B%7D", "4"),
        ids("or=(id.eq.1,and(age.gt.40,mood.is.not_null))", "1 2"),
        ids("or=(id.eq.1,name.in.(Bob,x))&and=(id.lt.9,not.id.eq.1)", "2"),
        ids("not.or=(id.eq.1,id.eq.2)", "3 4"),
        ids("or=(name.eq.%22%C3%89mile+(50%25)%22,id.eq.3)", "3 4"),
        ids("or=(tags.cs.%7Ba,b%7D,id.eq.4)", "1 4"),
        get("/people?select=id&order=age.desc,id", r#"[{"id":3},{"id":2},{"id":1},{"id":4}]"#),
        get("/people?select=id&order=age.desc.nullslast,id.desc", r#"[{"id":2},{"id":4},{"id":1},{"id":3}]"#),
        get("/people?select=id&order=age.nullsfirst,id", r#"[{"id":3},{"id":1},{"id":4},{"id":2}]"#),
        get("/people?select=id&order=mood.asc", r#"[{"id":2},{"id":3},{"id":1},{"id":4}]"#),
        get("/people?select=id&order=score", r#"[{"id":2},{"id":1},{"id":4},{"id":3}]"#),
        get("/people?select=id&order=data->>s,id", r#"[{"id":1},{"id":2},{"id":3},{"id":4}]"#),
    ]
}

pub(super) fn views() -> Vec<Case> {
    vec![
        get("/adults?id=eq.2", r#"[{"id":2,"called":"Bob","country":"fr","is_older":true,"twice":82,"loud":"BOB"}]"#),
        get("/adults?select=id&is_older=is.false&order=id", r#"[{"id":1},{"id":4}]"#),
        get(
            "/adults?select=called,countries(name)&order=id&limit=1",
            r#"[{"called":"Ada","countries":{"name":"Germany"}}]"#,
        ),
        get("/adults?select=id,posts!author(id)&posts.order=id&id=eq.1", r#"[{"id":1,"posts":[{"id":10},{"id":11}]}]"#),
        get(
            "/countries?select=code,adults(called)&order=code&adults.order=called",
            r#"[{"code":"de","adults":[{"called":"Ada"}]},{"code":"fr","adults":[{"called":"Bob"},{"called":"Émile (50%)"}]},{"code":"jp","adults":[]}]"#,
        ),
        get(
            "/posts_by_author?order=author",
            r#"[{"author":1,"posts":2,"best":10},{"author":2,"posts":1,"best":9.25},{"author":4,"posts":1,"best":null}]"#,
        ),
        get("/posts_by_author?select=posts&posts=gt.1", r#"[{"posts":2}]"#),
        refused("/adults?select=nam", 400, "42703"),
        refused("/adults?id=eq.x", 400, "22P02"),
    ]
}

/// With `[rest] aggregates = true` and `max_rows = 3`.
pub(super) fn sums() -> Vec<Case> {
    vec![
        get(
            "/people?select=age.sum(),age.avg(),age.min(),age.max(),age.count(),count()",
            r#"[{"sum":113,"avg":37.6666666666666667,"min":36,"max":41,"count":3,"count":4}]"#,
        ),
        get(
            "/people?select=s:score.sum(),a:score.avg(),lo:score.min(),hi:score.max()",
            r#"[{"s":121.75,"a":40.5833333333333333,"lo":9.00,"hi":100.25}]"#,
        ),
        get("/people?select=h:height.sum()&id=lt.3", r#"[{"h":3.55}]"#),
        get(
            "/people?select=country,count()&order=country.nullsfirst",
            r#"[{"country":null,"count":1},{"country":"de","count":1},{"country":"fr","count":2}]"#,
        ),
        get("/people?select=country,n:count()&order=n.desc,country&limit=1", r#"[{"country":"fr","n":2}]"#),
        get("/people?select=country,count()&order=country.nullsfirst&limit=1", r#"[{"country":null,"count":1}]"#)
            .with("prefer", "count=exact")
            .status(206)
            .answers("content-range", "0-0/3"),
        get("/people?select=t:age.sum()::text", r#"[{"t":"113"}]"#),
        get("/people?select=i:score::int.sum()", r#"[{"i":122}]"#),
        get(
            "/people?select=id,posts!author(rating.sum())&order=id",
            r#"[{"id":1,"posts":[{"sum":14.5}]},{"id":2,"posts":[{"sum":9.25}]},{"id":3,"posts":[{"sum":null}]}]"#,
        ),
        refused("/people?select=name.sum()", 404, "42883"),
        get("/people?select=id&order=id", r#"[{"id":1},{"id":2},{"id":3}]"#).answers("content-range", "0-2/*"),
        get("/people?select=id&order=id&limit=9", r#"[{"id":1},{"id":2},{"id":3}]"#)
            .with("prefer", "count=exact")
            .status(206)
            .answers("content-range", "0-2/4"),
        get(
            "/people?select=id::text,score::int,t:score::text,a:age::numeric,b:active::text,d:seen::date,j:data->t::int,l:tags::text&id=eq.1",
            r#"[{"id":"1","score":13,"t":"12.50","a":36,"b":"true","d":"2026-01-02","j":5,"l":"{a,b}"}]"#,
        ),
        refused("/people?select=active::date", 400, "42846"),
        refused("/people?select=name::int&id=eq.1", 400, "22P02"),
    ]
}

pub(super) fn embeds() -> Vec<Case> {
    vec![
        get(
            "/posts?select=title,author:people!posts_author_fkey(name)&order=id&limit=2",
            r#"[{"title":"Hello","author":{"name":"Ada"}},{"title":"Again","author":{"name":"Ada"}}]"#,
        ),
        get(
            "/posts?select=id,editor(name)&order=id.desc&limit=2",
            r#"[{"id":13,"editor":null},{"id":12,"editor":{"name":"Ada"}}]"#,
        ),
        get(
            "/people?select=name,posts!author(id,rating)&order=id&posts.order=id.desc&id=in.(1,3)",
            r#"[{"name":"Ada","posts":[{"id":11,"rating":10},{"id":10,"rating":4.5}]},{"name":"ada","posts":[]}]"#,
        ),
        get(
            "/people?select=id,posts!author(id)&posts.rating=gt.5&order=id",
            r#"[{"id":1,"posts":[{"id":11}]},{"id":2,"posts":[{"id":12}]},{"id":3,"posts":[]},{"id":4,"posts":[]}]"#,
        ),
        get(
            "/people?select=id,posts!author!inner(id)&posts.rating=gt.5&order=id",
            r#"[{"id":1,"posts":[{"id":11}]},{"id":2,"posts":[{"id":12}]}]"#,
        ),
        get(
            "/people?select=id,p:posts!author(id)&p.limit=1&p.order=id&p.offset=1&id=lt.3&order=id",
            r#"[{"id":1,"p":[{"id":11}]},{"id":2,"p":[]}]"#,
        ),
        get("/people?select=id,posts!author()&posts=not.is.null&order=id", r#"[{"id":1},{"id":2},{"id":4}]"#),
        get("/people?select=id,posts!author()&posts=is.null&order=id", r#"[{"id":3}]"#),
        get(
            "/people?select=id,posts!author(id)&posts.or=(id.eq.10,id.eq.13)&order=id&id=in.(1,4)",
            r#"[{"id":1,"posts":[{"id":10}]},{"id":4,"posts":[{"id":13}]}]"#,
        ),
        get(
            "/posts?select=id,labels(name)&labels.order=name&order=id&limit=2",
            r#"[{"id":10,"labels":[{"name":"fun"},{"name":"news"}]},{"id":11,"labels":[]}]"#,
        ),
        get(
            "/labels?select=name,posts!inner(id)&posts.order=id&order=id",
            r#"[{"name":"news","posts":[{"id":10}]},{"name":"fun","posts":[{"id":10},{"id":12}]}]"#,
        ),
        get(
            "/people?select=id,profiles(bio)&order=id&id=lt.4",
            r#"[{"id":1,"profiles":{"bio":"first"}},{"id":2,"profiles":{"bio":null}},{"id":3,"profiles":null}]"#,
        ),
        get(
            "/profiles?select=bio,people(name)&order=person",
            r#"[{"bio":"first","people":{"name":"Ada"}},{"bio":null,"people":{"name":"Bob"}}]"#,
        ),
        get(
            "/people?select=id,boss(name),reports:people(id)&reports.order=id&order=id&id=lt.3",
            r#"[{"id":1,"boss":null,"reports":[{"id":2},{"id":3}]},{"id":2,"boss":{"name":"Ada"},"reports":[{"id":4}]}]"#,
        ),
        get(
            "/countries?select=code,people(name,posts!author(title,labels(name)))&people.order=id&people.posts.labels.order=name&code=eq.de&people.posts.limit=1&people.posts.order=id",
            r#"[{"code":"de","people":[{"name":"Ada","posts":[{"title":"Hello","labels":[{"name":"fun"},{"name":"news"}]}]}]}]"#,
        ),
        get("/posts?select=id,...people!author(writer:name)&order=id&limit=1", r#"[{"id":10,"writer":"Ada"}]"#),
        get(
            "/people?select=id,...posts!author(title)&posts.order=id&id=lt.4&order=id",
            r#"[{"id":1,"title":["Hello","Again"]},{"id":2,"title":["World"]},{"id":3,"title":[]}]"#,
        ),
        get("/posts?select=id&order=people(name).desc,id&limit=2", "[]").text_error(),
        get(
            "/posts?select=id,people!author(name)&order=people(name).desc,id&limit=2",
            r#"[{"id":13,"people":{"name":"Émile (50%)"}},{"id":12,"people":{"name":"Bob"}}]"#,
        ),
        get(
            "/people?select=id,posts!author(count)&order=id",
            r#"[{"id":1,"posts":[{"count":2}]},{"id":2,"posts":[{"count":1}]},{"id":3,"posts":[{"count":0}]},{"id":4,"posts":[{"count":1}]}]"#,
        ),
        get(
            "/people?select=id,tags,seen,data,posts:posts!author(rating,people!author(seen,tags,data,active,photo,height))&id=eq.1&posts.limit=1&posts.order=id",
            r#"[{"id":1,"tags":["a","b"],"seen":"2026-01-02T03:04:05.5+00:00","data":{"k": {"n": [10, 20]}, "s": "x", "t": 5},"posts":[{"rating":4.5,"people":{"seen":"2026-01-02T03:04:05.5+00:00","tags":["a","b"],"data":{"k": {"n": [10, 20]}, "s": "x", "t": 5},"active":true,"photo":"\\x00ff","height":1.75}}]}]"#,
        ),
    ]
}

pub(super) fn pages() -> Vec<Case> {
    let page = |query: &str, body: &str| get(&format!("/people?select=id&order=id{query}"), body);
    vec![
        page("&limit=2", r#"[{"id":1},{"id":2}]"#).answers("content-range", "0-1/*"),
        page("&limit=2&offset=1", r#"[{"id":2},{"id":3}]"#).answers("content-range", "1-2/*"),
        page("&offset=3", r#"[{"id":4}]"#).answers("content-range", "3-3/*"),
        page("&offset=9", "[]").answers("content-range", "*/*"),
        page("&limit=0", "[]").answers("content-range", "*/*"),
        page("", r#"[{"id":2},{"id":3}]"#).with("range", "1-2").answers("content-range", "1-2/*"),
        page("&limit=2", r#"[{"id":1},{"id":2}]"#)
            .with("prefer", "count=exact")
            .status(206)
            .answers("content-range", "0-1/4")
            .answers("preference-applied", "count=exact"),
        page("", r#"[{"id":1},{"id":2},{"id":3},{"id":4}]"#)
            .with("prefer", "count=exact")
            .answers("content-range", "0-3/4"),
        page("&limit=2&age=eq.36", r#"[{"id":1},{"id":4}]"#)
            .with("prefer", "count=exact")
            .answers("content-range", "0-1/2"),
        page("&id=gt.9", "[]").with("prefer", "count=exact").answers("content-range", "*/0"),
        page("&limit=9&offset=4", "[]").with("prefer", "count=exact").status(206).answers("content-range", "*/4"),
        Case {
            method: "HEAD",
            ..page("&limit=1", "").with("prefer", "count=exact").status(206).answers("content-range", "0-0/4").text("")
        },
        get(
            "/people?select=id,posts!author!inner(id)&posts.limit=1&limit=1&order=id",
            r#"[{"id":1,"posts":[{"id":10}]}]"#,
        )
        .with("prefer", "count=exact")
        .status(206)
        .answers("content-range", "0-0/3"),
    ]
}

/// Times are written in UTC whatever is asked for; who insists on another zone is refused.
pub(super) fn zones() -> Vec<Case> {
    let seen = || get("/people?select=seen&id=eq.1", r#"[{"seen":"2026-01-02T03:04:05.5+00:00"}]"#);
    vec![
        seen().with("prefer", "timezone=UTC").answers("preference-applied", "timezone=UTC"),
        seen()
            .with("prefer", "handling=strict, timezone=Etc/UTC")
            .answers("preference-applied", "handling=strict, timezone=Etc/UTC"),
        seen().with("prefer", "timezone=America/Los_Angeles").lacks("preference-applied"),
        seen().with("prefer", "handling=lenient, timezone=+05:30").answers("preference-applied", "handling=lenient"),
    ]
}

pub(super) fn forms() -> Vec<Case> {
    const OBJECT: &str = "application/vnd.pgrst.object+json";
    vec![
        get("/countries?code=eq.de", r#"{"code":"de","name":"Germany"}"#)
            .with("accept", OBJECT)
            .answers("content-type", "application/vnd.pgrst.object+json; charset=utf-8"),
        Case { status: 406, body: super::Expected::Code("PGRST116"), ..get("/countries", "").with("accept", OBJECT) },
        Case { status: 406, body: super::Expected::Code("PGRST116"), ..get("/countries?code=eq.x", "").with("accept", OBJECT) },
        get("/people?select=id,age,data&id=gt.2&order=id", r#"[{"id":3},{"id":4,"age":36,"data":[1,{}]}]"#)
            .with("accept", "application/vnd.pgrst.array+json;nulls=stripped"),
        get("/people?select=id,name,active,tags,seen,Full+Name&order=id&id=lt.4", "")
            .with("accept", "text/csv")
            .answers("content-type", "text/csv; charset=utf-8")
            .text("id,name,active,tags,seen,Full Name\n1,Ada,t,\"{a,b}\",2026-01-02 03:04:05.5+00,\"Ada, L.\"\n2,Bob,f,\"{b,\"\"c d\"\"}\",2026-01-02 03:04:05+00,\n3,ada,,,,\"x \"\"y\"\"\""),
        get("/countries?code=eq.jp", r#"[{"code":"jp","name":"Japan"}]"#).with("accept", "text/html, */*;q=0.5").answers("content-type", "application/json; charset=utf-8"),
        get("/countries?code=eq.jp", r#"[{"code":"jp","name":"Japan"}]"#).with("accept-profile", "public").with("content-profile", "public"),
    ]
}

impl Case {
    /// An order by a relation that is not embedded.
    fn text_error(mut self) -> Self {
        self.status = 400;
        self.body = super::Expected::Code("PGRST108");
        self
    }
}
