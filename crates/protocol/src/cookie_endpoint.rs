//! Who may call `/api/auth/*`: the rule of origins and Fetch Metadata. Standards §8.3 as amended by design §5; BB-3, BB-7.

use crate::error::{NOT_A_FETCH, ORIGIN, Refusal};
use crate::origin::Origin;

/// What a request says about where it comes from. Repeated headers are passed as the value `"\n"`, which nothing admits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Provenance<'a> {
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub mode: Option<&'a str>,
    /// `Sec-Fetch-Dest`.
    pub dest: Option<&'a str>,
    /// `Sec-Purpose`, or its older name `Purpose`.
    pub purpose: Option<&'a str>,
}

/// Who sent an admitted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A script on a page of this origin. The client must still list it.
    Script {
        /// The page's origin.
        origin: Origin,
        /// Whether that page is on this server's site, so that `SameSite=Strict` cookies reach it.
        same_site: bool,
    },
    /// No browser: neither `Origin` nor `Sec-Fetch-*`. Design §5.
    NoBrowser,
}

impl Provenance<'_> {
    /// Whether no browser sent this: such requests carry no ambient authority of a person. A mode alone is Node's `fetch`;
    /// browsers that know Fetch Metadata always say the site too.
    #[must_use]
    pub fn is_no_browser(&self) -> bool {
        let silent = [self.origin, self.site, self.dest, self.purpose].iter().all(Option::is_none);
        silent && matches!(self.mode, None | Some("cors"))
    }

    /// The script's origin and whether it is same-site, before any list of origins is asked. BB-7.
    ///
    /// `own` is this server's public origin.
    ///
    /// # Errors
    /// [`NOT_A_FETCH`] for cross-site requests, navigations, `no-cors`, other destinations and prefetches; [`ORIGIN`]
    /// for `null` and for anything that is no origin.
    pub fn admit(&self, own: &Origin) -> Result<Sender, Refusal> {
        if self.is_no_browser() {
            return Ok(Sender::NoBrowser);
        }
        let refused = |why: &str| Err(Refusal::from(&NOT_A_FETCH).with_detail(why.to_owned()));
        if self.purpose.is_some() {
            return refused("a prefetch");
        }
        if !matches!(self.mode, None | Some("cors" | "same-origin")) {
            return refused("Sec-Fetch-Mode is neither cors nor same-origin");
        }
        if !matches!(self.dest, None | Some("empty")) {
            return refused("Sec-Fetch-Dest is not empty");
        }
        let origin = match self.origin {
            None => None,
            Some(text) => match Origin::parse(text) {
                Some(origin) => Some(origin),
                None => return Err(Refusal::from(&ORIGIN).with_detail("Origin is null or malformed")),
            },
        };
        match (self.site, origin) {
            // A same-origin GET carries no Origin.
            (Some("same-origin"), None) => Ok(Sender::Script { origin: own.clone(), same_site: true }),
            (Some("same-origin"), Some(origin)) if origin == *own => Ok(Sender::Script { origin, same_site: true }),
            (Some("same-origin"), Some(origin)) => Err(Refusal::from(&ORIGIN)
                .with_detail(format!("Sec-Fetch-Site is same-origin, but Origin is {origin}; is public_url right?"))),
            (Some("same-site"), Some(origin)) => Ok(Sender::Script { origin, same_site: true }),
            (Some(site), _) => refused(match site {
                "cross-site" => "Sec-Fetch-Site is cross-site",
                "none" => "Sec-Fetch-Site is none",
                "same-site" => "same-site without Origin",
                _ => "unknown Sec-Fetch-Site",
            }),
            // Browsers without Fetch Metadata: the origin decides; one host is one site.
            (None, Some(origin)) => Ok(Sender::Script { same_site: origin.same_host(own), origin }),
            (None, None) => refused("Sec-Fetch-Mode without Sec-Fetch-Site"),
        }
    }

    /// The origin of a script on another site that calls us itself, without cookies: `fetch()` with CORS, and nothing else. It
    /// is not necessarily listed by anybody.
    #[must_use]
    pub fn cross_site_script(&self, own: &Origin) -> Option<Origin> {
        let origin = Origin::parse(self.origin?)?;
        let fetches = matches!(self.mode, None | Some("cors")) && matches!(self.dest, None | Some("empty"));
        let elsewhere = match self.site {
            Some(site) => site == "cross-site",
            // Browsers without Fetch Metadata: one host is one site.
            None => !origin.same_host(own),
        };
        (fetches && elsewhere && self.purpose.is_none()).then_some(origin)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn own() -> Origin {
        Origin::parse("https://id.example.com").unwrap()
    }

    fn admit(
        origin: Option<&str>,
        site: Option<&str>,
        mode: Option<&str>,
        dest: Option<&str>,
        purpose: Option<&str>,
    ) -> Option<Sender> {
        Provenance { origin, site, mode, dest, purpose }.admit(&own()).ok()
    }

    #[test]
    fn bb7_what_is_refused_before_any_cookie_is_read() {
        let app = Some("https://app.example.com");
        let (cors, empty) = (Some("cors"), Some("empty"));
        for (origin, site, mode, dest, purpose) in [
            (Some("null"), None, None, None, None),
            (Some("null"), Some("same-site"), cors, empty, None),
            (Some("https://app.example.com/"), None, None, None, None),
            (Some("\n"), None, None, None, None),
            (app, Some("cross-site"), cors, empty, None),
            (app, Some("none"), cors, empty, None),
            (app, Some("SAME-SITE"), cors, empty, None),
            (None, Some("cross-site"), Some("no-cors"), Some("image"), None),
            (None, Some("cross-site"), Some("navigate"), Some("document"), None),
            (None, Some("same-site"), cors, empty, None),
            (None, Some("none"), Some("navigate"), Some("document"), None),
            (None, Some("same-origin"), Some("navigate"), Some("document"), None),
            (None, Some("same-origin"), Some("no-cors"), empty, None),
            (None, Some("same-origin"), cors, Some("script"), None),
            (None, Some("same-origin"), Some("websocket"), empty, None),
            (None, Some("same-origin"), cors, empty, Some("prefetch")),
            (None, None, None, None, Some("prefetch")),
            (None, None, cors, empty, None),
            (app, Some("same-origin"), cors, empty, None),
        ] {
            assert_eq!(
                admit(origin, site, mode, dest, purpose),
                None,
                "{origin:?} {site:?} {mode:?} {dest:?} {purpose:?}"
            );
        }
    }

    #[test]
    fn bb7_what_is_admitted() {
        let script =
            |origin: &str, same_site| Some(Sender::Script { origin: Origin::parse(origin).unwrap(), same_site });
        let (cors, empty) = (Some("cors"), Some("empty"));
        assert_eq!(admit(None, None, None, None, None), Some(Sender::NoBrowser));
        assert_eq!(admit(None, None, cors, None, None), Some(Sender::NoBrowser));
        assert_eq!(admit(None, Some("same-origin"), cors, empty, None), script("https://id.example.com", true));
        let own = "https://id.example.com";
        assert_eq!(admit(Some(own), Some("same-origin"), Some("same-origin"), empty, None), script(own, true));
        let app = "https://app.example.com";
        assert_eq!(admit(Some(app), Some("same-site"), cors, empty, None), script(app, true));
        // Without Fetch Metadata only the same host is known to be the same site.
        assert_eq!(admit(Some(app), None, None, None, None), script(app, false));
        assert_eq!(
            admit(Some("https://id.example.com:8443"), None, None, None, None),
            script("https://id.example.com:8443", true)
        );
    }

    #[test]
    fn design5_a_script_on_another_site_is_known_by_its_origin() {
        let of = |origin, site, mode, dest| {
            let from = Provenance { origin, site, mode, dest, purpose: None };
            from.cross_site_script(&own()).map(|origin| origin.to_string())
        };
        let (spa, cors, empty) = (Some("https://spa.example.org"), Some("cors"), Some("empty"));
        for site in [Some("cross-site"), None] {
            assert_eq!(of(spa, site, cors, empty).as_deref(), spa);
        }
        for (origin, site, mode, dest) in [
            (None, Some("cross-site"), cors, empty),
            (Some("null"), Some("cross-site"), cors, empty),
            (spa, Some("same-site"), cors, empty),
            (spa, Some("cross-site"), Some("navigate"), Some("document")),
            (spa, Some("cross-site"), Some("no-cors"), empty),
            (Some("https://id.example.com"), None, cors, empty),
        ] {
            assert_eq!(of(origin, site, mode, dest), None, "{origin:?} {site:?} {mode:?}");
        }
    }
}
