//! Secrets from AWS Secrets Manager: one secret a path, its value a JSON object of strings.

use std::{collections::HashMap, time::Duration};

use aws_config::{BehaviorVersion, ConfigLoader, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata as _, SdkError},
    operation::get_secret_value::GetSecretValueError,
};
use secrecy::SecretString;

use super::{Fields, SecretError, path::SecretPath};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// For the whole read: finding credentials, connecting, and every attempt.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_ATTEMPTS: u32 = 2;

/// The defaults of the SDK this room was written for; a newer set is chosen, not drifted into.
pub(super) fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// A client of Secrets Manager.
pub(super) struct AwsSource {
    client: Client,
}

impl AwsSource {
    /// A client with bounded timeouts; `endpoint_url` is used instead of AWS's own address.
    pub(super) async fn connect(loader: ConfigLoader, endpoint_url: Option<&str>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(READ_TIMEOUT)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS);
        let mut loader = loader.timeout_config(timeouts).retry_config(retries);
        if let Some(url) = endpoint_url {
            loader = loader.endpoint_url(url);
        }
        Self {
            client: Client::new(&loader.load().await),
        }
    }

    pub(super) async fn read(&self, path: &SecretPath) -> Result<Fields, SecretError> {
        let answer = self.client.get_secret_value().secret_id(path.full()).send().await;
        let answer = answer.map_err(|error| refusal(path, &error))?;
        answer
            .secret_string()
            // The parser's own message would quote what it stumbled over.
            .and_then(|text| serde_json::from_str::<HashMap<String, String>>(text).ok())
            .map(|fields| {
                fields
                    .into_iter()
                    .map(|(name, value)| (name, SecretString::from(value)))
                    .collect()
            })
            .ok_or_else(|| SecretError::Malformed(path.as_str().to_owned()))
    }
}

fn refusal(path: &SecretPath, error: &SdkError<GetSecretValueError>) -> SecretError {
    let path = path.as_str().to_owned();
    let reason = match error {
        SdkError::ServiceError(answer) if answer.err().is_resource_not_found_exception() => {
            return SecretError::NoSuchPath(path);
        }
        SdkError::ServiceError(answer) => answer.err().code().unwrap_or("Secrets Manager refused").to_owned(),
        SdkError::TimeoutError(_) => "Secrets Manager did not answer in time".to_owned(),
        SdkError::DispatchFailure(_) => "Secrets Manager cannot be reached".to_owned(),
        _ => "Secrets Manager's answer was not understood".to_owned(),
    };
    SecretError::Unavailable { path, reason }
}

#[cfg(test)]
mod tests {
    use std::{env, net::TcpListener};

    use aws_sdk_secretsmanager::config::{Credentials, Region};
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::secrets::{Secrets, Source};

    fn loader() -> ConfigLoader {
        aws_config::defaults(behavior())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
    }

    async fn secrets_at(endpoint_url: &str) -> Secrets {
        let source = AwsSource::connect(loader(), Some(endpoint_url)).await;
        Secrets::new(Source::Aws(source), Duration::from_mins(5), tokio::time::Instant::now)
    }

    /// An emulator of AWS, and a path nobody else uses.
    fn emulator() -> (String, String) {
        let url = env::var("TEST_AWS_ENDPOINT_URL")
            .expect("TEST_AWS_ENDPOINT_URL must hold the address of a MiniStack; `make test` starts one");
        (
            url,
            format!("test/{}", uuid::Builder::from_random_bytes(rand::random()).into_uuid()),
        )
    }

    async fn store(endpoint_url: &str, path: &str, value: &str) {
        let config = loader().endpoint_url(endpoint_url).load().await;
        let name = format!("countersign/{path}");
        Client::new(&config)
            .create_secret()
            .name(name)
            .secret_string(value)
            .send()
            .await
            .expect("stored");
    }

    #[tokio::test]
    async fn the_fields_of_a_stored_secret_are_read() {
        let (url, path) = emulator();
        store(
            &url,
            &path,
            r#"{"url":"postgres://one","sweeper_url":"postgres://two"}"#,
        )
        .await;
        let secrets = secrets_at(&url).await;
        let read = secrets.get_secret(&path, "sweeper_url").await.expect("stored");
        assert_eq!(read.expose_secret(), "postgres://two");
        assert_eq!(
            secrets.get_secret(&path, "admin_url").await.expect_err("not stored"),
            SecretError::NoSuchField {
                path,
                field: "admin_url".to_owned()
            }
        );
    }

    #[tokio::test]
    async fn a_path_that_is_not_there_is_told_from_a_missing_field() {
        let (url, path) = emulator();
        let error = secrets_at(&url)
            .await
            .get_secret(&path, "url")
            .await
            .expect_err("not stored");
        assert_eq!(error, SecretError::NoSuchPath(path));
    }

    #[tokio::test]
    async fn a_secret_that_is_no_object_of_strings_is_refused_without_quoting_it() {
        let (url, path) = emulator();
        for (index, value) in ["hunter2", r#"["hunter2"]"#, r#"{"url":{"password":"hunter2"}}"#]
            .iter()
            .enumerate()
        {
            let path = format!("{path}/{index}");
            store(&url, &path, value).await;
            let error = secrets_at(&url)
                .await
                .get_secret(&path, "url")
                .await
                .expect_err("malformed");
            assert_eq!(error, SecretError::Malformed(path));
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn a_source_that_is_down_is_told_from_a_missing_secret() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let secrets = secrets_at(&format!("http://127.0.0.1:{port}")).await;
        assert!(matches!(secrets.health().await, Err(SecretError::Unavailable { path, .. }) if path == "database"));
    }

    #[tokio::test]
    async fn a_source_that_never_answers_is_given_up() {
        // Connections are accepted by the kernel's backlog and never served.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let secrets = secrets_at(&format!("http://127.0.0.1:{port}")).await;
        assert!(matches!(secrets.health().await, Err(SecretError::Unavailable { .. })));
    }
}
