//! The HTTP client: one API, one credential, bounded waits.
//!
//! A redirect is never followed, since the credential would travel with it; and no answer is trusted to be Countersign's
//! before it has its form.

use std::{fmt::Write as _, thread, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use shared::{auth::ApiKey, context::Random};
use ureq::{
    Agent, Body, RequestBuilder,
    http::{Response, header},
};
use uuid::Uuid;

use crate::{address::Address, exit::Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// On top of the time the server was asked to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Before what did not arrive, or failed for a while, is sent again.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
const LARGEST_PAGE: &str = "200";
/// A page of 200 requests of a MiB at most is far below this in practice; it bounds what a stranger can make us hold.
const LONGEST_ANSWER: u64 = 64 << 20;

/// Who acts, and in which tenant.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    tenant: Uuid,
    api_key: SecretString,
}

impl Credential {
    /// Checks the form of both before anything is sent.
    ///
    /// # Errors
    /// The tenant is no UUID, or the key is mistyped or cut off: its checksum does not fit.
    pub(crate) fn new(tenant: &str, api_key: &str) -> Result<Self, Failure> {
        let tenant = tenant
            .parse()
            .map_err(|_| Failure::usage(format!("the tenant is not a UUID: {tenant}")))?;
        ApiKey::parse(api_key)
            .map_err(|_| Failure::not_allowed("the API key is mistyped or cut off: its checksum does not fit"))?;
        Ok(Self {
            tenant,
            api_key: api_key.into(),
        })
    }
}

/// Speaks to one Countersign as one principal.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    credential: Credential,
}

/// What came back: a status, and a JSON body in the contract's form.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Client {
    /// A client of the API at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// The URL is not one an API can have.
    pub(crate) fn new(url: &str, credential: Credential) -> Result<Self, Failure> {
        let base = Address::parse(url)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        if base.is_loopback {
            // A proxy set for the outside world would look for this machine on itself.
            config = config.proxy(None);
        }
        Ok(Self {
            agent: config.build().into(),
            base: base.url,
            credential,
        })
    }

    /// The same API as somebody else.
    pub(crate) fn acting_as(&self, credential: Credential) -> Self {
        Self {
            credential,
            ..self.clone()
        }
    }

    /// A GET that is expected to succeed.
    ///
    /// # Errors
    /// No answer, or an error answer.
    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.send_get(path, query, Duration::ZERO)?.success()
    }

    /// Every element of a list, over all its pages.
    ///
    /// # Errors
    /// As [`get`](Self::get), or the answer is no list.
    pub(crate) fn list(&self, path: &str, filters: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let mut elements = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = filters.to_vec();
            query.push(("limit", LARGEST_PAGE));
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let mut page = self.get(path, &query)?;
            let Value::Array(data) = page["data"].take() else {
                return Err(Failure::failed("the answer is no list"));
            };
            elements.extend(data);
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(elements);
            }
        }
    }

    /// A GET that the server may hold for `wait`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn get_waiting(&self, path: &str, query: &[(&str, &str)], wait: Duration) -> Result<Value, Failure> {
        self.send_get(path, query, wait)?.success()
    }

    /// A POST that is expected to succeed.
    ///
    /// # Errors
    /// No answer, or an error answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send_post(path, body)?.success()
    }

    /// A POST that is expected to succeed and takes effect once, however often it has to be sent: when no answer comes, or only
    /// one that tells of a failure that passes, it is sent again under the same idempotency key.
    ///
    /// # Errors
    /// As [`post`](Self::post), when it was sent for the last time.
    pub(crate) fn post_once(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let key = format!("{:032x}", u128::from_be_bytes(Random::from_os().bytes()));
        let mut pauses = PAUSES.into_iter();
        loop {
            let request = self.agent.post(format!("{}{path}", self.base));
            let request = request.header("Idempotency-Key", &key);
            let sent = self.read(self.prepare(request, Duration::ZERO).send_json(body));
            match (sent.and_then(Answer::success), pauses.next()) {
                (Err(failure), Some(pause)) if failure.is_passing || failure.code == "IDEMPOTENCY_IN_FLIGHT" => {
                    thread::sleep(pause);
                }
                (outcome, _) => return outcome,
            }
        }
    }

    /// A PUT that is expected to succeed.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.put(format!("{}{path}", self.base));
        self.read(self.prepare(request, Duration::ZERO).send_json(body))?
            .success()
    }

    /// A DELETE that is expected to succeed.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn delete(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.delete(format!("{}{path}", self.base));
        self.read(self.prepare(request, Duration::ZERO).call())?.success()
    }

    /// A GET with any answer.
    ///
    /// # Errors
    /// No answer, or none of Countersign's.
    pub(crate) fn send_get(&self, path: &str, query: &[(&str, &str)], wait: Duration) -> Result<Answer, Failure> {
        let request = self
            .agent
            .get(format!("{}{path}", self.base))
            .query_pairs(query.iter().copied());
        self.read(self.prepare(request, wait).call())
    }

    /// A POST with any answer.
    ///
    /// # Errors
    /// As [`send_get`](Self::send_get).
    pub(crate) fn send_post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let request = self.agent.post(format!("{}{path}", self.base));
        self.read(self.prepare(request, Duration::ZERO).send_json(body))
    }

    /// The request in the caller's name, given up when the server takes much longer than `wait`.
    fn prepare<B>(&self, request: RequestBuilder<B>, wait: Duration) -> RequestBuilder<B> {
        request
            .header(header::AUTHORIZATION, self.authorization())
            .header("X-Tenant-ID", self.credential.tenant.to_string())
            .config()
            .timeout_global(Some(wait + ANSWER_TIMEOUT))
            .build()
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.credential.api_key.expose_secret())
    }

    fn read(&self, outcome: Result<Response<Body>, ureq::Error>) -> Result<Answer, Failure> {
        let mut response = outcome.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            let target = response
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok());
            let mut message = format!("{} redirects, which is not followed with a credential", self.base);
            if let Some(target) = target {
                let _ = write!(message, "; if you trust {target}, set COUNTERSIGN_URL to it");
            }
            return Err(Failure::failed(message));
        }
        let text = response
            .body_mut()
            .with_config()
            .limit(LONGEST_ANSWER)
            .read_to_vec()
            .map_err(|error| self.unreachable(&error))?;
        match serde_json::from_slice(&text) {
            Ok(body) => Ok(Answer { status, body }),
            Err(_) if text.is_empty() && response.status().is_success() => Ok(Answer {
                status,
                body: Value::Null,
            }),
            Err(_) => Err(not_ours(status)),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::unavailable(format!("{} does not answer: {error}", self.base))
    }
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn success(self) -> Result<Value, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(Failure::of_answer(self.status, &self.body).unwrap_or_else(|| not_ours(self.status)))
    }
}

fn not_ours(status: u16) -> Failure {
    let message = format!("the answer, with status {status}, is not Countersign's; is the URL right?");
    // A gateway says so while what is behind it is away.
    if matches!(status, 502..=504) {
        Failure::unavailable(message)
    } else {
        Failure::failed(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_is_refused_and_not_shown() {
        let tenant = Uuid::nil().to_string();
        let failure = Credential::new(&tenant, "cs_dev_hunter2").expect_err("no key");
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}
