//! Where Countersign answers, as somebody wrote it.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::exit::Failure;

/// The address every path is appended to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) is_loopback: bool,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// It is none that an API can have.
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        // The URL is not quoted: somebody may have put a password into it.
        let refused = |reason: &str| Failure::usage(format!("the URL of Countersign {reason}"));
        let uri: Uri = url.parse().map_err(|_| refused("cannot be read"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(refused("must begin with http:// or https://"));
        }
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| refused("names no host"))?;
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(refused("must not hold a user or password"));
        }
        if uri.query().is_some() {
            return Err(refused("must not hold a query"));
        }
        let is_loopback = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            is_loopback,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_http_address_and_no_more() {
        let base = Address::parse("http://127.0.0.1:9000/").expect("an address");
        assert_eq!(
            base,
            Address {
                url: "http://127.0.0.1:9000".to_owned(),
                is_loopback: true
            }
        );
        let base = Address::parse("https://api.example.com/prod").expect("an address");
        assert_eq!(
            base,
            Address {
                url: "https://api.example.com/prod".to_owned(),
                is_loopback: false
            }
        );
        for wrong in [
            "",
            "localhost:9000",
            "ftp://x",
            "http://",
            "http://u:p@host",
            "http://host/?a=b",
            "http://a b",
        ] {
            let failure = Address::parse(wrong).expect_err(wrong);
            assert!(!failure.message.contains("u:p"), "{failure}");
        }
        assert!(!Address::parse("http://127.evil.example").is_ok_and(|base| base.is_loopback));
        assert!(Address::parse("http://[::1]:9000").is_ok_and(|base| base.is_loopback));
    }
}
