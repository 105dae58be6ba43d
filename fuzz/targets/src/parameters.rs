//! Queries and form bodies.

use brama_protocol::limits;
use brama_protocol::parameters::Parameters;

/// WH-14, G-2: [`Parameters::parse`] accepts what `form_urlencoded` reads without repairing anything, reads it as that does,
/// and prints what it reads back.
pub fn parameters(data: &[u8]) {
    let theirs: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    let printed = form_urlencoded::Serializer::new(String::new()).extend_pairs(&theirs).finish();
    match Parameters::parse(data) {
        Ok(ours) => {
            assert_eq!(ours.to_encoded(), printed, "read otherwise than by form_urlencoded");
            assert!(theirs.len() <= limits::PARAMETERS, "more parameters than the limit");
            assert!(!theirs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')), "U+0000");
            let again = Parameters::parse(printed.as_bytes());
            assert_eq!(again.map(|again| again.to_encoded()).ok(), Some(printed), "not read back");
            for name in ["client_id", "scope", "state"] {
                let values: Vec<&str> =
                    theirs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
                let one = ours.one(name);
                assert_eq!(one.is_err(), values.len() > 1, "{name}: once or an error");
                assert_eq!(one.ok().flatten(), values.first().copied().filter(|v| values.len() == 1 && !v.is_empty()));
                let filled: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
                assert_eq!(ours.all(name).collect::<Vec<_>>(), filled);
            }
        }
        Err(_) => {
            let repaired =
                theirs.iter().any(|(name, value)| [name, value].iter().any(|t| t.contains(['\u{fffd}', '\0'])));
            assert!(
                repaired || is_broken_percent(data) || theirs.len() > limits::PARAMETERS,
                "refused without a reason"
            );
        }
    }
}

fn is_broken_percent(data: &[u8]) -> bool {
    data.split(|byte| *byte == b'%')
        .skip(1)
        .any(|rest| rest.get(..2).is_none_or(|digits| !digits.iter().all(u8::is_ascii_hexdigit)))
}
