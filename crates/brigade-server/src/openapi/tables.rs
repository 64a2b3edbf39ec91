//! A table or view as a path and a schema.

use brigade::schema::{
    Model, Relation,
    access::{Grants, Touched, Verb},
};
use serde_json::{Map, Value, json};

use super::types::{or_null, schema};

/// Adds what is open of a relation.
pub fn describe(
    relation: &Relation,
    model: &Model,
    grants: Grants<'_>,
    paths: &mut Map<String, Value>,
    schemas: &mut Map<String, Value>,
) {
    let name = &relation.name;
    let may = |verb| grants.allow(name, verb, Touched::Columns(&[])).is_ok();
    let verbs = Verb::ALL.iter().map(|(_, verb)| *verb).filter(|verb| !relation.is_view || *verb == Verb::Select);
    let open: Vec<Verb> = verbs.filter(|verb| may(*verb)).collect();
    if open.is_empty() {
        return;
    }
    let shows = open.contains(&Verb::Select);
    let mut path = Map::new();
    for verb in open {
        let columns: Vec<usize> = (0..relation.columns.len())
            .filter(|&c| grants.allow(name, verb, Touched::Columns(&[&relation.columns[c].name])).is_ok())
            .collect();
        let (method, operation) = match verb {
            Verb::Select => ("get", read(relation, &columns)),
            Verb::Insert => ("post", insert(name, shows)),
            Verb::Update => ("patch", update(relation, shows)),
            Verb::Delete => ("delete", delete(relation, shows)),
        };
        path.insert(method.to_owned(), operation);
        let schema_name = match verb {
            Verb::Select => name.clone(),
            Verb::Insert => format!("{name}.insert"),
            Verb::Update => format!("{name}.update"),
            Verb::Delete => continue,
        };
        schemas.insert(component(&schema_name), row(relation, model, &columns, verb));
    }
    // A row under its key is made or replaced, so both must be open.
    if !relation.key.is_empty() && path.contains_key("post") && path.contains_key("patch") {
        path.insert("put".to_owned(), put(relation, shows));
    }
    paths.insert(format!("/rest/v1/{}", segment(name)), Value::Object(path));
}

/// What a row shows, or what one may give.
fn row(relation: &Relation, model: &Model, columns: &[usize], verb: Verb) -> Value {
    let table = model.table(&relation.name);
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for &c in columns {
        let column = &relation.columns[c];
        let known = table.and_then(|table| table.columns.get(c));
        let (is_generated, has_default) = known.map_or((false, false), |known| {
            (known.generated.is_some(), known.default.is_some() || known.identity.is_some())
        });
        if verb != Verb::Select && is_generated {
            continue;
        }
        let nullable = known.is_none_or(|known| known.nullable) && !relation.key.contains(&c);
        let plain = schema(&column.ty, model);
        let mut of = if nullable { or_null(plain) } else { plain };
        if let Some(notes) = notes(relation, model, c) {
            of["description"] = json!(notes);
        }
        properties.insert(column.name.clone(), of);
        let is_needed = match verb {
            // A select may leave any column out.
            Verb::Select | Verb::Update | Verb::Delete => false,
            Verb::Insert => !nullable && !has_default,
        };
        if is_needed {
            required.push(json!(column.name));
        }
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = Value::Array(required);
    }
    if verb != Verb::Select {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

/// Keys, for people: a primary key, and where a foreign key leads.
fn notes(relation: &Relation, model: &Model, column: usize) -> Option<String> {
    let mut notes = Vec::new();
    if relation.key.contains(&column) {
        notes.push("primary key".to_owned());
    }
    let keys = model.table(&relation.name).map(|table| &table.foreign_keys[..]).unwrap_or_default();
    for key in keys {
        if let Some(at) = key.columns.iter().position(|&c| c == column) {
            let to = key.references.get(at).map_or("", String::as_str);
            notes.push(format!("foreign key to {}.{to}", key.table));
        }
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn read(relation: &Relation, columns: &[usize]) -> Value {
    let name = &relation.name;
    let mut parameters = vec![
        reference("parameters", "select"),
        reference("parameters", "order"),
        reference("parameters", "limit"),
        reference("parameters", "offset"),
        reference("parameters", "preferRead"),
        reference("parameters", "after"),
    ];
    parameters.extend(filters(relation, columns));
    let rows = json!({"type": "array", "items": {"$ref": schema_reference(name)}});
    let mut content = json!({
        "application/json": {"schema": rows},
        "application/vnd.pgrst.object+json": {"schema": {"$ref": schema_reference(name)}},
        "text/csv": {"schema": {"type": "string"}},
    });
    if !relation.is_view {
        content["text/event-stream"] = json!({"schema": {"type": "string"}});
    }
    let rows = json!({"description": "the rows", "content": content});
    json!({
        "tags": [name],
        "operationId": format!("read {name}"),
        "summary": format!("Read {name}"),
        "parameters": parameters,
        "responses": {"200": rows, "206": rows, "default": reference("responses", "error")},
    })
}

fn insert(name: &str, shows: bool) -> Value {
    let one = json!({"$ref": schema_reference(&format!("{name}.insert"))});
    let body = json!({"oneOf": [one, {"type": "array", "items": one}]});
    let parameters = ["select", "columns", "onConflict", "preferWrite", "idempotencyKey"];
    json!({
        "tags": [name],
        "operationId": format!("insert {name}"),
        "summary": format!("Insert into {name}, or upsert"),
        "parameters": parameters.map(|name| reference("parameters", name)),
        "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
        "responses": written(name, "201", shows),
    })
}

fn update(relation: &Relation, shows: bool) -> Value {
    let name = &relation.name;
    let mut parameters =
        ["select", "columns", "preferWrite", "idempotencyKey"].map(|name| reference("parameters", name)).to_vec();
    parameters.extend(filters(relation, &(0..relation.columns.len()).collect::<Vec<_>>()));
    let body = json!({"$ref": schema_reference(&format!("{name}.update"))});
    json!({
        "tags": [name],
        "operationId": format!("update {name}"),
        "summary": format!("Update rows of {name}"),
        "parameters": parameters,
        "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
        "responses": written(name, "204", shows),
    })
}

fn put(relation: &Relation, shows: bool) -> Value {
    let name = &relation.name;
    let mut parameters = ["select", "preferWrite", "idempotencyKey"].map(|name| reference("parameters", name)).to_vec();
    parameters.extend(filters(relation, &relation.key));
    let body = json!({"$ref": schema_reference(&format!("{name}.insert"))});
    json!({
        "tags": [name],
        "operationId": format!("put {name}"),
        "summary": format!("Make or replace the row of {name} under its key"),
        "parameters": parameters,
        "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
        "responses": written(name, "204", shows),
    })
}

fn delete(relation: &Relation, shows: bool) -> Value {
    let name = &relation.name;
    let mut parameters = ["select", "preferWrite", "idempotencyKey"].map(|name| reference("parameters", name)).to_vec();
    parameters.extend(filters(relation, &(0..relation.columns.len()).collect::<Vec<_>>()));
    json!({
        "tags": [name],
        "operationId": format!("delete {name}"),
        "summary": format!("Delete rows of {name}"),
        "parameters": parameters,
        "responses": written(name, "204", shows),
    })
}

/// Answers of a write: nothing, or the rows where `return=representation` asks for them and they may be read.
fn written(name: &str, without: &str, shows: bool) -> Value {
    let mut responses = json!({"default": reference("responses", "error")});
    if shows {
        let rows = json!({"type": "array", "items": {"$ref": schema_reference(name)}});
        let content = json!({"application/json": {"schema": rows}});
        responses["200"] = json!({"description": "the rows", "content": content});
    }
    responses[without] = json!({"description": "done; Brigade-Position names the place in the log"});
    responses
}

/// A filter for each column, as `column=operator.value`.
fn filters<'r>(relation: &'r Relation, columns: &'r [usize]) -> impl Iterator<Item = Value> + 'r {
    columns.iter().map(|&c| {
        json!({
            "name": relation.columns[c].name,
            "in": "query",
            "description": format!("{}, as eq.VALUE, in.(A,B), is.null, not.lt.VALUE", relation.columns[c].ty),
            "schema": {"type": "string"},
        })
    })
}

/// A reference to a part that every document has.
pub fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn schema_reference(name: &str) -> String {
    format!("#/components/schemas/{}", component(name))
}

/// A name as a component may have it: OpenAPI takes no others.
fn component(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            c if plain(c) => out.push(c),
            '_' => out.push('_'),
            c => out.push_str(&format!("_{:x}_", u32::from(c))),
        }
    }
    out
}

/// A name as a segment of a path.
pub fn segment(name: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    name.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_alphabet_become_components_and_segments() {
        for (name, as_component, as_segment) in [
            ("links", "links", "links"),
            ("Full Name", "Full_20_Name", "Full%20Name"),
            ("größe", "gr_f6__df_e", "gr%C3%B6%C3%9Fe"),
        ] {
            assert_eq!((component(name).as_str(), segment(name).as_str()), (as_component, as_segment));
        }
    }
}
