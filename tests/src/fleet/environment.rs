//! One execution environment: a process, replaced when it dies, that serves one invocation at a time and is frozen in
//! between, in the middle of whatever it was still doing.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use axum::{body::Body, response::Response};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shared::context::{Clock, Ids, Random};
use tokio::{
    process::{Child, Command},
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    time::sleep,
};

use super::{
    Fate, Job, Moment, Program,
    runtime_api::{Mailboxes, Message},
};

/// Where Lambda would be.
const REGION: &str = "us-east-1";

pub(super) struct Environment {
    pub(super) function: String,
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) api: String,
    pub(super) mailboxes: Mailboxes,
    pub(super) queue: Arc<AsyncMutex<mpsc::UnboundedReceiver<Job>>>,
    pub(super) log: PathBuf,
    /// How many invocations it answered, refusals and errors left out.
    pub(super) served: Arc<AtomicU64>,
}

/// One life of an environment.
struct Process {
    child: Child,
    mailbox: mpsc::UnboundedReceiver<Message>,
}

impl Environment {
    /// Lives until the task is dropped, and then its process ends too.
    pub(super) async fn live(self) {
        let ids = Ids::new(Clock::system(), Random::from_os());
        for life in 0_u32.. {
            let mut process = self.begin(life);
            while self.serve(&mut process, &ids).await {}
        }
    }

    fn begin(&self, life: u32) -> Process {
        let name = format!("{}-{life}", self.name);
        let mailbox = self.mailboxes.open(&name);
        let log = open(&self.log);
        let child = Command::new(&self.program.executable)
            .env_clear()
            // Where an instrumented build leaves its counts; nothing reads it otherwise.
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
            .envs(self.program.settings.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_FUNCTION_NAME", &self.function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", self.function))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", &name)
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}/{name}", self.api))
            .env("AWS_REGION", REGION)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            // A group of its own: if the test dies the kernel ends the group, frozen as it may be (SIGHUP to an orphaned
            // process group with stopped members, POSIX `_exit`).
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.executable.display()));
        Process { child, mailbox }
    }

    /// Takes one invocation from the queue through its life. `false` when the process is gone.
    async fn serve(&self, process: &mut Process, ids: &Ids) -> bool {
        let Some(next) = process.until_free().await else {
            return self.crash("before it asked for work").await;
        };
        process.signal(Signal::SIGSTOP);
        let mut job = tokio::select! {
            job = self.next_job() => job,
            _ = process.child.wait() => return self.crash("while it had nothing to do").await,
        };
        process.signal(Signal::SIGCONT);
        let id = ids.next().to_string();
        if next.send(self.handed(&id, &job)).is_err() {
            // Nobody has seen it yet.
            let _ = process.child.kill().await;
        }
        let fate = process.answer(&id, &mut job, &self.name).await;
        if let Fate::Answered(answer) = &fate
            && answer["statusCode"].as_u64().is_none_or(|status| status < 300)
        {
            self.served.fetch_add(1, SeqCst);
        }
        let lives = matches!(fate, Fate::Answered(_) | Fate::Failed(_));
        let _ = job.fate.send(fate);
        lives
    }

    async fn next_job(&self) -> Job {
        match self.queue.lock().await.recv().await {
            Some(job) => job,
            None => std::future::pending().await,
        }
    }

    /// Lets an invocation know that nobody is there to take it.
    async fn crash(&self, when: &str) -> bool {
        let job = self.next_job().await;
        let how = format!("{} ended {when}; see {}", self.name, self.log.display());
        let _ = job.fate.send(Fate::Crashed(how));
        false
    }

    /// The response to `next`.
    fn handed(&self, id: &str, job: &Job) -> Response {
        let deadline = Clock::system().now() + job.deadline;
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline.timestamp_millis())
            .header(
                "lambda-runtime-invoked-function-arn",
                format!("arn:aws:lambda:{REGION}:123456789012:function:{}", self.function),
            )
            .header(
                "lambda-runtime-trace-id",
                "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            )
            .body(Body::from(job.event.clone()))
            .expect("a valid response")
    }
}

impl Process {
    /// Waits for the process to ask for work. `None` when it ends instead.
    async fn until_free(&mut self) -> Option<oneshot::Sender<Response>> {
        loop {
            tokio::select! {
                message = self.mailbox.recv() => match message {
                    Some(Message::Next(reply)) => return Some(reply),
                    // An answer to what nobody waits for any more.
                    Some(Message::Answer { .. }) => {}
                    None => return None,
                },
                _ = self.child.wait() => return None,
            }
        }
    }

    /// Waits for the answer, and kills the process when its time has come.
    async fn answer(&mut self, id: &str, job: &mut Job, name: &str) -> Fate {
        let death = job.death;
        let dies_by_itself = async {
            match death {
                Some(Moment::Arrival) => {}
                Some(Moment::During(delay)) => sleep(delay).await,
                Some(Moment::Answer) | None => std::future::pending().await,
            }
        };
        tokio::pin!(dies_by_itself);
        let overruns = sleep(job.deadline);
        tokio::pin!(overruns);
        loop {
            tokio::select! {
                biased;
                () = &mut dies_by_itself, if death.is_some() => return self.die(death).await,
                message = self.mailbox.recv() => match message {
                    Some(Message::Answer { id: of, answer, has_failed, heard }) if of == id => {
                        if death.is_some() {
                            return self.die(death).await;
                        }
                        let _ = heard.send(());
                        return if has_failed { Fate::Failed(answer) } else { Fate::Answered(answer) };
                    }
                    _ => {}
                },
                status = self.child.wait() => return Fate::Crashed(format!("{name}: {status:?}")),
                () = &mut overruns => {
                    let _ = self.child.kill().await;
                    return Fate::Overran;
                }
            }
        }
    }

    async fn die(&mut self, moment: Option<Moment>) -> Fate {
        // SIGKILL, and waited for.
        let _ = self.child.kill().await;
        moment.map_or(Fate::Overran, Fate::Killed)
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid {
            // It may have just ended, which the next wait on it tells.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

fn open(log: &PathBuf) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log file")
}
