//! Every function in processes of its own, and Redis in the state that a test wants it in.

use std::collections::BTreeMap;

use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use serde_json::Value;
use shared::testing::{Answer, TestClient, TestKey, TestStack, TestTenant};
use sqlx::PgPool;
use system_tests::functions;

/// What Redis does to a request that comes after the end of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It still holds the verdict from before.
    Kept,
    /// It was emptied.
    Flushed,
    /// It was emptied, and every verdict from before was put back under its name.
    PutBack,
    /// It is down all along, and the processes remember by themselves.
    Down,
}

/// One process a function.
pub(crate) struct Processes {
    clients: BTreeMap<&'static str, TestClient>,
    stacks: Vec<TestStack>,
}

/// Two sets of processes and a third that does what ends keys.
pub(crate) struct World {
    pub(crate) memory: Memory,
    redis_url: String,
    /// They know the key.
    pub(crate) acquainted: Processes,
    /// They never saw it before its end.
    pub(crate) strangers: Processes,
    /// Where keys are ended.
    pub(crate) elsewhere: Processes,
    pub(crate) tenant: TestTenant,
    pub(crate) owner: PgPool,
    // Last, since the others use its database.
    pub(crate) stack: TestStack,
}

impl Processes {
    fn start(first: &TestStack, settings: &[(&str, &str)]) -> Self {
        let (mut clients, mut stacks) = (BTreeMap::new(), Vec::new());
        for (function, routes) in functions() {
            let stack = TestStack::sharing(first, settings);
            clients.insert(function, stack.client(shared::http::app(stack.ctx.clone(), routes).0));
            stacks.push(stack);
        }
        Self { clients, stacks }
    }

    /// The client of a function's process.
    pub(crate) fn of(&self, function: &str) -> &TestClient {
        &self.clients[function]
    }

    /// The operator's credential.
    pub(crate) fn operator(&self) -> &'static str {
        self.stacks[0].operator()
    }

    /// Asks a function with a key, from an address of its own: wrong secrets are counted by address, and these are many.
    /// A request for approval takes effect once, so that it could be answered again from what is kept of it.
    pub(crate) async fn ask(
        &self,
        key: &TestKey,
        (function, method, path): Target<'_>,
        body: Option<&Value>,
    ) -> Answer {
        let [.., a, b, c] = key.id.into_bytes();
        let request = self.of(function).request(method, path).key(key);
        let mut request = request.from_address(&format!("10.{a}.{b}.{c}"));
        if (function, method) == ("approval", "POST") {
            request = request.header("idempotency-key", &key.id.to_string());
        }
        match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }
}

/// A function, a method and a path.
pub(crate) type Target<'a> = (&'a str, &'a str, &'a str);

impl World {
    /// `redis_database`: one that no other test empties.
    pub(crate) async fn start(memory: Memory, redis_database: u8) -> Self {
        let redis_url = match memory {
            Memory::Down => "redis://127.0.0.1:1".to_owned(),
            _ => shared::testing::redis_database(redis_database),
        };
        // Many processes share one server, and each answers one request after the other.
        let mut settings = vec![("REDIS_URL", redis_url.as_str()), ("DATABASE_MAX_CONNECTIONS", "2")];
        if memory == Memory::Down {
            settings.push(("REDIS_TIMEOUT_MS", "100"));
        }
        let stack = TestStack::with(&settings).await;
        if memory != Memory::Down {
            // What an earlier run left there would count as remembered.
            empty(&mut connect(&redis_url).await).await;
        }
        Self {
            acquainted: Processes::start(&stack, &settings),
            strangers: Processes::start(&stack, &settings),
            elsewhere: Processes::start(&stack, &settings),
            tenant: stack.tenant().await,
            owner: stack.owner_pool(),
            memory,
            redis_url: redis_url.clone(),
            stack,
        }
    }

    /// Does to Redis what this world's memory says, and returns how many verdicts it then holds.
    pub(crate) async fn disturb_memory(&self) -> usize {
        if self.memory == Memory::Down {
            return 0;
        }
        let mut redis = connect(&self.redis_url).await;
        let verdicts: Vec<String> = redis.keys("authn:*").await.expect("Redis answers");
        if self.memory == Memory::Kept {
            return verdicts.len();
        }
        empty(&mut redis).await;
        if self.memory == Memory::Flushed {
            return 0;
        }
        for verdict in &verdicts {
            let () = redis.set_ex(verdict, "1", 3_600).await.expect("put back");
        }
        verdicts.len()
    }

    /// A statement behind the product's back, about one object.
    pub(crate) async fn alter(&self, statement: &'static str, id: uuid::Uuid) {
        let altered = sqlx::query(statement)
            .bind(id)
            .execute(&self.owner)
            .await
            .expect("altered");
        assert_eq!(altered.rows_affected(), 1, "{statement}");
    }
}

async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("a Redis URL");
    client.get_multiplexed_async_connection().await.expect("Redis answers")
}

async fn empty(redis: &mut MultiplexedConnection) {
    let () = redis::cmd("FLUSHDB").query_async(redis).await.expect("emptied");
}
