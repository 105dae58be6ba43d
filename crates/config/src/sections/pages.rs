//! `[pages]`

use schemars::JsonSchema;

use crate::reader::Reader;
use crate::rule::or;
use crate::urls::SupportUrl;
use crate::value::{Raw, Setting, Shown, Wrong, choose, name_of, one_of};

/// What the sign-in pages say.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Pages {
    /// The name in titles and headings.
    pub site_name: String,
    /// The language of people whose browser asks for none that we have.
    pub default_locale: Locale,
    /// Where people who cannot get in find help: `https://…` or `mailto:…`. Without it the pages
    /// offer no link.
    pub support_url: Option<String>,
}

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    En,
    /// Ukrainian.
    Uk,
}

const LOCALES: &[(&str, Locale)] = &[("en", Locale::En), ("uk", Locale::Uk)];

impl Locale {
    /// The BCP 47 tag.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Uk => "uk",
        }
    }
}

impl Setting for Locale {
    fn expected() -> String {
        one_of(LOCALES)
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        choose(raw, LOCALES)
    }

    fn show(&self) -> Shown {
        name_of(self, LOCALES)
    }
}

impl Pages {
    pub(crate) fn read(r: &mut Reader) -> Self {
        let example = SupportUrl("https://example.com/help".to_owned());
        r.section("pages", |s| Self {
            site_name: s.read("site_name", or("Brama".to_owned())),
            default_locale: s.read("default_locale", or(Locale::En)),
            support_url: s.read_optional("support_url", example).map(|url| url.0),
        })
    }
}
