//! The translations: complete, equal in their values, and all used (G2, G5).
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fluent_syntax::ast::{CallArguments, Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser;

/// What a message needs and which plural forms it has.
#[derive(Default, Debug)]
struct Shape {
    values: BTreeSet<String>,
    forms: BTreeSet<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn messages(language: &str) -> BTreeMap<String, Shape> {
    let mut messages = BTreeMap::new();
    for file in fs::read_dir(root().join("../../web/locales").join(language)).unwrap() {
        let path = file.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let resource = parser::parse(source).unwrap_or_else(|(_, errors)| panic!("{}: {errors:?}", path.display()));
        for entry in resource.body {
            let Entry::Message(message) = entry else {
                continue;
            };
            assert!(message.attributes.is_empty(), "{}", message.id.name);
            let mut shape = Shape::default();
            walk(&message.value.unwrap(), &mut shape);
            let name = message.id.name;
            assert!(messages.insert(name.clone(), shape).is_none(), "{name} twice in {language}");
        }
    }
    messages
}

fn walk(pattern: &Pattern<String>, shape: &mut Shape) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else {
            continue;
        };
        match expression {
            Expression::Inline(inline) => walk_inline(inline, shape),
            Expression::Select { selector, variants } => {
                walk_inline(selector, shape);
                for variant in variants {
                    shape.forms.insert(format!("{:?}", variant.key));
                    walk(&variant.value, shape);
                }
            }
        }
    }
}

fn walk_inline(inline: &InlineExpression<String>, shape: &mut Shape) {
    match inline {
        InlineExpression::VariableReference { id } => {
            shape.values.insert(id.name.clone());
        }
        InlineExpression::FunctionReference { arguments: CallArguments { .. }, .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. }
        | InlineExpression::Placeable { .. } => {
            panic!("texts are whole sentences with plain values (G2)")
        }
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
    }
}

/// G5: both languages have the same messages with the same values.
#[test]
fn g5_languages_have_the_same_messages() {
    let (uk, en) = (messages("uk"), messages("en"));
    assert_eq!(uk.keys().collect::<Vec<_>>(), en.keys().collect::<Vec<_>>());
    for (id, shape) in &uk {
        assert_eq!(shape.values, en.get(id).unwrap().values, "{id}");
    }
}

/// G2: a message with plural forms has all that its language knows.
#[test]
fn g2_plural_forms_are_complete() {
    for (language, forms) in [("uk", 4), ("en", 2)] {
        for (id, shape) in messages(language) {
            assert!(shape.forms.is_empty() || shape.forms.len() == forms, "{language} {id}: {:?}", shape.forms);
        }
    }
}

/// G5: every message is named somewhere in the templates or the code.
#[test]
fn g5_no_message_is_unused() {
    let mut text = String::new();
    for folder in ["../../web/templates", "src"] {
        for file in fs::read_dir(root().join(folder)).unwrap() {
            text.push_str(&fs::read_to_string(file.unwrap().path()).unwrap());
        }
    }
    for id in messages("en").keys() {
        assert!(text.contains(&format!("\"{id}\"")), "{id} is not used");
    }
}

/// G2: polite lower-case "ви", and no words that blame (ux: error messages).
#[test]
fn g2_tone() {
    for (language, words) in [
        ("uk", ["Ви ", "Вас ", "Вам ", "будь ласка", "вибачте", "Ой"]),
        ("en", ["please", "Please", "sorry", "Sorry", "Oops", "invalid"]),
    ] {
        for file in fs::read_dir(root().join("../../web/locales").join(language)).unwrap() {
            let source = fs::read_to_string(file.unwrap().path()).unwrap();
            for word in words {
                assert!(!source.contains(word), "{language}: {word}");
            }
        }
    }
}
