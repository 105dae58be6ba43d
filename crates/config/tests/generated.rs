//! The texts made from the settings: the reference, the schema, the file of `brama init`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;

use brama_config::{Loaded, Problem, Profile, Sources, json_schema, load, minimal_file, reference_markdown};

fn read(text: &str) -> Result<Loaded, Vec<Problem>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("brama.toml");
    fs::write(&path, text).unwrap();
    load(Sources { file: Some(path), env: BTreeMap::new(), flags: Vec::new(), profile: Profile::Production })
}

#[test]
fn the_file_of_init_is_short_and_without_warnings() {
    let text = minimal_file("https://id.example.ua", "/var/lib/brama");
    assert!(text.lines().count() <= 12, "{text}");
    let loaded = read(&text).unwrap();
    assert_eq!(loaded.config.public_url.as_str(), "https://id.example.ua");
    assert_eq!(loaded.warnings, []);
    let hostile = minimal_file("x\"\n[server]\nlisten = \"0.0.0.0:1\"\n#'", "/var/lib/brama");
    let problems = read(&hostile).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems.first().unwrap().key.as_deref(), Some("public_url"));
}

#[test]
fn the_reference_and_the_schema_agree_and_depend_on_no_machine() {
    let page = reference_markdown();
    let schema = json_schema();
    for (name, section) in schema["properties"].as_object().unwrap() {
        let described = |value: &serde_json::Value| {
            value["description"].as_str().is_some_and(|text| !text.is_empty() && !text.contains('\n'))
        };
        assert!(described(section), "{name}");
        for (key, property) in section["properties"].as_object().into_iter().flatten() {
            assert!(described(property), "{name}.{key}");
            assert!(page.contains(&format!("### `{name}.{key}`\n")), "{name}.{key}");
        }
    }
    let threads = &schema["properties"]["passwords"]["properties"]["hash_threads"];
    assert_eq!((threads["default"].as_u64(), threads["maximum"].as_u64()), (None, Some(256)));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["clients"]["items"]["required"], serde_json::json!(["id", "type"]));
    assert!(page.contains("- Variable: `BRAMA_SERVER__LISTEN`, `BRAMA_LISTEN`\n- Flag: `--listen`\n"));
}
