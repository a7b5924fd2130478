//! The functions as Lambda runs them: the built programs, each in several processes that get one request at a time from a
//! Runtime API, are frozen between two requests, are killed at their deadline and started again when they died.
//!
//! A test may choose the invocation, and the moment in it, at which a process is killed. Nothing of a domain may enter.
#![expect(clippy::missing_panics_doc, reason = "a test that cannot set itself up has failed")]

mod environment;
mod event;
mod program;
mod routing;
mod runtime_api;

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    task::JoinSet,
};

use environment::Environment;
use routing::Routing;
use runtime_api::Mailboxes;

pub use event::{Answer, Ask};
pub use program::Program;

/// How long the gateway waits for a function: what API Gateway allows at most.
const GATEWAY_DEADLINE: Duration = Duration::from_secs(29);

/// When in an invocation a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// As soon as it has the request.
    Arrival,
    /// This long after; with its answer, if it is faster.
    During(Duration),
    /// When it has answered, but before anybody hears the answer: what it wrote is written.
    Answer,
}

/// What became of an invocation.
#[derive(Debug)]
pub enum Fate {
    /// The function answered.
    Answered(Value),
    /// The function said that it failed.
    Failed(Value),
    /// The process was killed by the test.
    Killed(Moment),
    /// The process ended by itself, which none should.
    Crashed(String),
    /// The process was still at it at its deadline, and was killed.
    Overran,
}

/// An invocation on its way.
struct Job {
    event: Vec<u8>,
    deadline: Duration,
    death: Option<Moment>,
    fate: oneshot::Sender<Fate>,
}

/// The invocations of one function, which all its environments take from.
struct Function {
    jobs: mpsc::UnboundedSender<Job>,
    /// The deaths that await the next invocations that may write.
    deaths: Mutex<VecDeque<Moment>>,
}

/// How many invocations ended in which way, other than by an answer.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    /// The deaths that were asked for and took place.
    pub killed: Vec<(String, Moment)>,
    /// Processes that ended by themselves, and what was known of it.
    pub crashed: Vec<String>,
    /// Invocations that were not over at their deadline.
    pub overran: Vec<String>,
    /// Invocations whose function said that it failed.
    pub failed: Vec<String>,
}

/// What one environment has done.
#[derive(Debug, Clone)]
pub struct Service {
    /// The environment: its function and a number.
    pub environment: String,
    /// The program that runs in it.
    pub program: String,
    /// How many invocations it answered, refusals and errors left out.
    pub served: u64,
}

/// All functions. Their processes end with this value.
pub struct Fleet {
    functions: HashMap<String, Function>,
    routing: Routing,
    losses: Mutex<Losses>,
    logs: PathBuf,
    /// The name of each environment, that of its program, and the count of what it served.
    environments: Vec<(String, String, Arc<AtomicU64>)>,
    _tasks: JoinSet<()>,
}

impl Fleet {
    /// How many environments there are.
    #[must_use]
    pub fn environments(&self) -> usize {
        self.environments.len()
    }

    /// What each environment has done so far.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        let service = |(environment, program, served): &(String, String, Arc<AtomicU64>)| Service {
            environment: environment.clone(),
            program: program.clone(),
            served: served.load(SeqCst),
        };
        self.environments.iter().map(service).collect()
    }

    /// Starts the programs of each function, one environment each, with the settings that all share. What they print goes
    /// to files in `logs`, one per environment.
    pub async fn start(functions: Vec<(&str, Vec<Program>)>, settings: &[(String, String)], logs: &Path) -> Self {
        std::fs::create_dir_all(logs).expect("a folder for the logs");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let api = listener.local_addr().expect("bound").to_string();
        let mailboxes = Mailboxes::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(runtime_api::serve(listener, mailboxes.clone()));

        let mut environments = Vec::new();
        let mut by_name = HashMap::new();
        for (name, programs) in functions {
            let (jobs, queue) = mpsc::unbounded_channel();
            let queue = Arc::new(AsyncMutex::new(queue));
            for (index, program) in programs.into_iter().enumerate() {
                let served = Arc::<AtomicU64>::default();
                environments.push((format!("{name}-{index}"), program.name(), Arc::clone(&served)));
                let environment = Environment {
                    function: name.to_owned(),
                    name: format!("{name}-{index}"),
                    served,
                    program: program.with(settings),
                    api: api.clone(),
                    mailboxes: mailboxes.clone(),
                    queue: Arc::clone(&queue),
                    log: logs.join(format!("{name}-{index}.log")),
                };
                tasks.spawn(environment.live());
            }
            let deaths = Mutex::default();
            by_name.insert(name.to_owned(), Function { jobs, deaths });
        }
        Self {
            functions: by_name,
            routing: Routing::of_workspace(),
            losses: Mutex::default(),
            logs: logs.to_owned(),
            environments,
            _tasks: tasks,
        }
    }

    /// Sends a request through the gateway and returns what its client sees.
    pub async fn ask(&self, ask: Ask) -> Answer {
        let function = self.routing.function_of(&ask.path);
        let may_write = ask.method != "GET";
        let death = if may_write { self.next_death(function) } else { None };
        let event = ask.event().to_string().into_bytes();
        Self::answer(self.run(function, event, GATEWAY_DEADLINE, death).await)
    }

    /// Sends what the gateway took for a request, whatever its bytes are, and returns what its client sees.
    pub async fn ask_with(&self, function: &str, event: Vec<u8>) -> Answer {
        Self::answer(self.run(function, event, GATEWAY_DEADLINE, None).await)
    }

    /// What the gateway makes of it for its client.
    fn answer(fate: Fate) -> Answer {
        match fate {
            Fate::Answered(answer) => Answer::of_function(&answer),
            Fate::Overran => Answer::of_gateway(504, "Endpoint request timed out"),
            Fate::Failed(_) | Fate::Killed(_) | Fate::Crashed(_) => Answer::of_gateway(502, "Internal server error"),
        }
    }

    /// Invokes a function with an event that is no request, nor perhaps JSON.
    pub async fn invoke(&self, function: &str, event: impl Into<Vec<u8>>, deadline: Duration) -> Fate {
        let death = self.next_death(function);
        self.run(function, event.into(), deadline, death).await
    }

    /// Kills the process that takes the next invocation of `function` that may write, at this moment of it.
    pub fn kill_next(&self, function: &str, moment: Moment) {
        let deaths = &self.functions[function].deaths;
        deaths.lock().unwrap_or_else(PoisonError::into_inner).push_back(moment);
    }

    /// Nobody more is killed than was until now.
    pub fn spare_the_rest(&self) {
        for function in self.functions.values() {
            function.deaths.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the environments of a function have printed, line by line.
    #[must_use]
    pub fn log_lines(&self, function: &str) -> Vec<String> {
        let environments = (0..).map_while(|index| self.printed(&format!("{function}-{index}")));
        environments.flatten().collect()
    }

    /// What one environment has printed, line by line; `None` when it has never begun.
    #[must_use]
    pub fn printed(&self, environment: &str) -> Option<Vec<String>> {
        let text = std::fs::read(self.logs.join(format!("{environment}.log"))).ok()?;
        Some(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
    }

    fn next_death(&self, function: &str) -> Option<Moment> {
        let deaths = &self.functions[function].deaths;
        deaths.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn run(&self, function: &str, event: Vec<u8>, deadline: Duration, death: Option<Moment>) -> Fate {
        let (fate, outcome) = oneshot::channel();
        let job = Job {
            event,
            deadline,
            death,
            fate,
        };
        let sent = self.functions[function].jobs.send(job);
        assert!(sent.is_ok(), "the environments live");
        let fate = outcome.await.expect("the environments live");
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        match &fate {
            Fate::Answered(_) => {}
            Fate::Failed(error) => losses.failed.push(format!("{function}: {error}")),
            Fate::Killed(moment) => losses.killed.push((function.to_owned(), *moment)),
            Fate::Crashed(how) => losses.crashed.push(how.clone()),
            Fate::Overran => losses.overran.push(function.to_owned()),
        }
        drop(losses);
        fate
    }
}
