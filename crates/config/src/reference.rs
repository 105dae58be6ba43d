//! The reference page, from the doc comments of the structs and the rules of the keys.

use std::fmt::Write as _;

use serde_json::Value;

use crate::environment::RESERVED_VARIABLES;
use crate::names::{own_flag, variables};
use crate::problem::Code;
use crate::reader::Entry;
use crate::schema;

const HEAD: &str = "\
<!-- Generated from crates/config by `cargo xtask generate`. Edit the doc comments there. -->

# Configuration

One TOML file, and nothing has to be in it but `public_url`. A value is taken from the first of:
a flag, an environment variable, the file, the default. Unknown keys and variables are errors, and
all mistakes are reported at once, each with its place and a fix. Editors complete and check the
file with [brama.schema.json](brama.schema.json).

- **Lengths of time** are texts with a unit: `\"90s\"`, `\"15m\"`, `\"12h\"`, `\"7d\"`, `\"1h30m\"`. A day
  has 24 hours.
- **Variables** are named after the key: `server.listen` is `BRAMA_SERVER__LISTEN`. Lists are
  separated by commas.
- **Secrets**: the name of any variable and `_FILE` reads the value from the file it names, without
  the last line end. Such a value is never shown.
";

/// The page `docs/reference/configuration.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let schema = schema::of_structs();
    let mut page = HEAD.to_owned();
    let reserved: Vec<String> = RESERVED_VARIABLES.iter().map(|name| format!("`{name}`")).collect();
    line(
        &mut page,
        &format!(
            "- **Not keys**, but allowed: {}, and the\n  variables that Kubernetes makes for a service named `brama` (`BRAMA_SERVICE_HOST`,\n  `BRAMA_PORT=tcp://…` and the like).",
            reserved.join(", ")
        ),
    );
    let mut place_before = None;
    for entry in schema::entries() {
        let (place, name) = entry.key.rsplit_once('.').unwrap_or(("", &entry.key));
        if place_before.as_deref() != Some(place) {
            heading(&mut page, &schema, place);
            place_before = Some(place.to_owned());
        }
        key(&mut page, &schema, &entry, place, name);
    }
    line(&mut page, "\n## Codes\n");
    line(&mut page, "| Code | Meaning |\n| --- | --- |");
    for code in Code::ALL {
        line(&mut page, &format!("| {code} | {} |", code.meaning()));
    }
    page
}

fn heading(page: &mut String, schema: &Value, place: &str) {
    let title = match place.strip_suffix("[]") {
        Some(name) => format!("`[[{name}]]`"),
        None if place.is_empty() => "Top of the file".to_owned(),
        None => format!("`[{place}]`"),
    };
    line(page, &format!("\n## {title}\n\n{}", description(schema::section(schema, place))));
}

fn key(page: &mut String, schema: &Value, entry: &Entry, place: &str, name: &str) {
    let property =
        schema::section(schema, place).and_then(|section| section.get("properties")).and_then(|all| all.get(name));
    let title = if place.ends_with("[]") { name } else { &entry.key };
    line(page, &format!("\n### `{title}`\n\n{}\n", description(property)));
    line(page, &format!("- Value: {}", entry.expected));
    let mut default = match (&entry.default, entry.described) {
        (Some(default), _) => format!("`{}`", default.toml()),
        (None, Some(described)) => described.to_owned(),
        (None, None) => "none, it has to be set".to_owned(),
    };
    if let Some(dev) = &entry.dev {
        let _ = write!(default, "; in `brama dev`: `{}`", dev.toml());
    }
    line(page, &format!("- Default: {default}"));
    let variables = variables(&entry.key);
    if !variables.is_empty() {
        line(page, &format!("- Variable: `{}`", variables.join("`, `")));
    }
    if let Some(flag) = own_flag(&entry.key) {
        line(page, &format!("- Flag: `{flag}`"));
    }
}

fn description(of: Option<&Value>) -> &str {
    of.and_then(|of| of.get("description")).and_then(Value::as_str).unwrap_or_default()
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}
