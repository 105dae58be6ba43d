//! Resource indicators: the APIs that tokens are for. RFC 8707; TK-3, TE-29.

use crate::client::Client;
use crate::limits;
use crate::parameters::Parameters;

/// Resources that a client may have tokens for, in the order in which it named them, each once. Empty: it named none, and
/// its default counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(Vec<String>);

impl Resources {
    /// The resources that a request names, spelled as they are registered; nothing if one of them is not the client's or
    /// there are too many. RFC 8707 §2; G-9.
    ///
    /// `default_audience` is the resource that every client may name.
    #[must_use]
    pub fn requested(parameters: &Parameters, client: &Client, default_audience: &str) -> Option<Self> {
        let mut found = Vec::new();
        for (count, named) in parameters.all("resource").enumerate() {
            if count >= limits::RESOURCES {
                return None;
            }
            let allowed = client.resources.iter().map(String::as_str).chain([default_audience]);
            let known = allowed.into_iter().find(|known| are_same(known, named))?;
            if !found.iter().any(|before| before == known) {
                found.push(known.to_owned());
            }
        }
        Some(Self(found))
    }

    /// From their column: URIs have no spaces, so spaces stand between them.
    #[must_use]
    pub fn from_stored(text: Option<&str>) -> Self {
        Self(text.unwrap_or_default().split(' ').filter(|text| !text.is_empty()).map(ToOwned::to_owned).collect())
    }

    /// For their column.
    #[must_use]
    pub fn to_stored(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(" "))
    }

    /// The one that a token is for when its request names none.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// Whether this one was named.
    #[must_use]
    pub fn contains(&self, resource: &str) -> bool {
        self.0.iter().any(|named| named == resource)
    }

    /// Whether none was named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were named.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Each of them, or the empty text once where none was named: it stands for the client's default.
    pub fn or_default(&self) -> impl Iterator<Item = &str> {
        self.iter().chain(self.is_empty().then_some(""))
    }

    /// These and those.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.0.clone();
        both.extend(other.0.iter().filter(|one| !self.contains(one)).cloned());
        Self(both)
    }
}

impl<S: Into<String>> FromIterator<S> for Resources {
    fn from_iter<I: IntoIterator<Item = S>>(resources: I) -> Self {
        Self(resources.into_iter().map(Into::into).collect())
    }
}

/// Exact comparison, but for the case of scheme and host and a lone slash behind them: clients write both. Standards §1.4.
fn are_same(registered: &str, named: &str) -> bool {
    registered == named || comparable(registered) == comparable(named)
}

fn comparable(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let path = if path == "/" { "" } else { path };
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), authority.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::client::ClientType;

    fn requested(query: &str) -> Option<Vec<String>> {
        let client = Client {
            resources: vec!["https://api.example.com".to_owned(), "https://mcp.example.com/v1/".to_owned()],
            ..Client::new("shop".parse().unwrap(), ClientType::Web)
        };
        let parameters = Parameters::parse(query.as_bytes()).unwrap();
        Resources::requested(&parameters, &client, "https://id.example.com/api").map(|found| found.0)
    }

    #[test]
    fn az10_rfc8707_only_known_resources_pass() {
        for wrong in [
            "https://other.example.com",
            "https://api.example.com/x",
            "https://api.example.com#f",
            "https://api.example.com:443",
            "https://mcp.example.com/V1/",
            "https://mcp.example.com/v1",
            "http://api.example.com",
            "api.example.com",
            "/api",
        ] {
            assert_eq!(requested(&format!("resource={}", wrong.replace('#', "%23"))), None, "{wrong}");
            assert_eq!(
                requested(&format!("resource=https://api.example.com&resource={}", wrong.replace('#', "%23"))),
                None
            );
        }
        assert_eq!(requested(&"resource=https://api.example.com&".repeat(limits::RESOURCES + 1)), None);
    }

    #[test]
    fn rfc8707_named_ones_are_spelled_as_registered_each_once() {
        assert_eq!(requested("").unwrap(), [""; 0]);
        assert_eq!(requested("resource=").unwrap(), [""; 0]);
        for same in ["https://api.example.com", "https://api.example.com/", "HTTPS://API.example.com"] {
            assert_eq!(requested(&format!("resource={same}")).unwrap(), ["https://api.example.com"], "{same}");
        }
        let two =
            "resource=https://id.example.com/api&resource=https://api.example.com&resource=https://api.example.com/";
        assert_eq!(requested(two).unwrap(), ["https://id.example.com/api", "https://api.example.com"]);
    }

    #[test]
    fn what_is_stored_is_read_back() {
        for resources in [vec![], vec!["https://a.example"], vec!["https://a.example", "urn:b"]] {
            let resources: Resources = resources.into_iter().collect();
            assert_eq!(Resources::from_stored(resources.to_stored().as_deref()), resources);
        }
    }
}
