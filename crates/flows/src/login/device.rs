//! A coarse name of browser and system, for the owner of a session. SE-13. Never used to decide anything.

/// The name of browser and system that a `User-Agent` shows, such as `Firefox, Linux`. At most 40 bytes.
#[must_use]
pub fn label(user_agent: Option<&str>) -> String {
    let agent = user_agent.unwrap_or_default();
    let first =
        |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    // More specific marks first: every Edge says it is a Chrome, every Chrome that it is a Safari.
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specific_name_wins() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0";
        assert_eq!(label(Some(edge)), "Edge, Windows");
        assert_eq!(
            label(Some("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1")),
            "Safari, iPhone"
        );
        assert_eq!(label(Some("curl/8.0")), "curl");
        assert_eq!(label(Some("<script>")), "");
        assert_eq!(label(None), "");
    }
}
