//! What every page has: language, name of the site, help, language form.

use crate::assets;
use crate::href;
use crate::locale::Locale;
use crate::text::{self, Html, MessageError, Value};

/// The frame of a page. No `Debug`: the nonce stays out of logs.
#[derive(Clone, Copy)]
pub struct Chrome<'a> {
    /// The language of the page.
    pub locale: Locale,
    /// The CSP nonce of this response (WH-1), in Base64.
    pub nonce: &'a str,
    /// The name of this site, as the operator wrote it.
    pub site_name: &'a str,
    /// Where the language form leads: the path of this page when it can be opened by GET.
    pub path: &'a str,
    /// Parameters the language form keeps, such as `tx`. Not `ui_locales`: that one is the choice.
    pub hidden: &'a [(&'a str, &'a str)],
    /// Whether this is the development server, which says so on every page.
    pub dev: bool,
    /// Where help is found (A7): `https:`, `mailto:` or a path. Other addresses are not shown.
    pub support_url: Option<&'a str>,
}

/// The app a person is signing in to or out of (T1).
#[derive(Clone, Copy, Debug)]
pub struct App<'a> {
    /// Its name, as its owner wrote it.
    pub name: &'a str,
    /// The host it lives on, such as `shop.example`.
    pub domain: &'a str,
}

/// A language as the language form shows it.
pub(crate) struct Choice {
    pub(crate) locale: Locale,
    pub(crate) current: bool,
}

impl Chrome<'_> {
    /// A text without values. Used by the templates, so it borrows what they hand over.
    pub(crate) fn t(&self, id: &'static str) -> Result<Html, MessageError> {
        text::html(self.locale, id, &[])
    }

    /// A text with values, each isolated in `<bdi>`.
    pub(crate) fn html(&self, id: &'static str, values: &[(&'static str, Value<'_>)]) -> Result<Html, MessageError> {
        text::html(self.locale, id, values)
    }

    /// A text with values for an attribute; the template escapes it.
    pub(crate) fn plain(&self, id: &'static str, values: &[(&'static str, Value<'_>)]) -> Result<String, MessageError> {
        text::plain(self.locale, id, values)
    }

    /// What `<title>` says. With a problem it starts with the word for "Error:" (A3).
    pub(crate) fn title(&self, page: &'static str, problem: bool) -> Result<String, MessageError> {
        let page = self.plain(page, &[])?;
        let id = if problem { "title-problem" } else { "title-page" };
        self.plain(id, &[("page", Value::Words(&page)), ("site", Value::Words(self.site_name))])
    }

    /// Words of a person or an app, isolated.
    pub(crate) fn name(&self, words: &str) -> Html {
        text::isolated(words)
    }

    pub(crate) fn help_text(&self) -> Result<Html, MessageError> {
        self.html("help-text", &[("site", Value::Words(self.site_name))])
    }

    pub(crate) fn support(&self) -> Option<&str> {
        self.support_url.filter(|url| href::may_link_to(url))
    }

    pub(crate) fn languages(&self) -> [Choice; 2] {
        Locale::ALL.map(|locale| Choice { locale, current: locale == self.locale })
    }

    pub(crate) fn style(&self) -> &'static str {
        &assets::style().path
    }

    pub(crate) fn icon(&self) -> &'static str {
        &assets::icon().path
    }
}
