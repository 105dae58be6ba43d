//! The JSON Schema of the file, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::reader::{Entry, Reader};
use crate::sections::Config;
use crate::value::{Item, Raw, Shown, Table};

/// The JSON Schema (draft 7, which editors of TOML understand) of the configuration file.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = of_structs();
    remove_required(&mut schema);
    for entry in entries() {
        let (place, name) = entry.key.rsplit_once('.').unwrap_or(("", &entry.key));
        let Some(section) = section_mut(&mut schema, place) else {
            continue;
        };
        if entry.required
            && !place.is_empty()
            && let Some(section) = section.as_object_mut()
            && let Some(required) = section.entry("required").or_insert_with(|| json!([])).as_array_mut()
        {
            required.push(json!(name));
        }
        let property = section.get_mut("properties").and_then(|all| all.get_mut(name));
        if let Some(property) = property.and_then(Value::as_object_mut) {
            complete(property, &entry);
        }
    }
    schema
}

/// What the structs say: names, types and doc comments.
pub(crate) fn of_structs() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    unwrap_lines(&mut schema);
    schema
}

/// Every key, its default and its limits, as the reader of the file knows them.
pub(crate) fn entries() -> Vec<Entry> {
    let client = Item { raw: Raw::Table(Table::new()), line: 0 };
    let clients = Item { raw: Raw::List(vec![client]), line: 0 };
    let mut reader = Reader::of_nothing(Table::from([("clients".to_owned(), clients)]));
    Config::read(&mut reader);
    let mut entries = reader.into_entries();
    // The listener is read first, the top is shown first.
    entries.sort_by_key(|entry| entry.key.contains('.'));
    entries
}

/// The object that describes a section; empty: the top; `clients[]`: one client.
pub(crate) fn section<'s>(schema: &'s Value, place: &str) -> Option<&'s Value> {
    if place.is_empty() {
        return Some(schema);
    }
    let (name, listed) = place.strip_suffix("[]").map_or((place, false), |name| (name, true));
    let found = schema.get("properties")?.get(name)?;
    if listed { found.get("items") } else { Some(found) }
}

fn section_mut<'s>(schema: &'s mut Value, place: &str) -> Option<&'s mut Value> {
    if place.is_empty() {
        return Some(schema);
    }
    let (name, listed) = place.strip_suffix("[]").map_or((place, false), |name| (name, true));
    let found = schema.get_mut("properties")?.get_mut(name)?;
    if listed { found.get_mut("items") } else { Some(found) }
}

/// Adds what only the rule of the key knows.
fn complete(property: &mut Map<String, Value>, entry: &Entry) {
    if let Some(default) = &entry.default {
        property.insert("default".to_owned(), to_json(default));
    }
    // The generator's own bounds of the integer type say less.
    property.remove("format");
    if let Some((least, most)) = &entry.limits
        && property.get("type").and_then(Value::as_str) == Some("integer")
    {
        if let Some(least) = least {
            property.insert("minimum".to_owned(), to_json(least));
        }
        property.insert("maximum".to_owned(), to_json(most));
    }
}

fn to_json(shown: &Shown) -> Value {
    match shown {
        Shown::Bare(text) => text.parse().unwrap_or_else(|_| json!(text)),
        Shown::Quoted(text) => json!(text),
        Shown::List(items) => json!(items),
    }
}

/// Every key has a default or may come from another layer, so the file need not have it.
fn remove_required(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("required");
            map.values_mut().for_each(remove_required);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_required),
        _ => {}
    }
}

/// Doc comments are wrapped in the source; descriptions are not.
fn unwrap_lines(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                match inner {
                    Value::String(text) if name == "description" => *text = text.replace('\n', " "),
                    _ => unwrap_lines(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}
