//! Clients as Lambda environments are: each a thread with a runtime of its own, and in it one process of the product.

use std::{sync::mpsc, thread};

use shared::testing::TestStack;
use tokio::{runtime, sync::oneshot};

use crate::ground::{Approvals, client_of};

/// Decisions to be made, by the number of the first request, and whom to tell when they are.
type Job = (usize, usize, oneshot::Sender<()>);

/// Many of them, each warm once it has made a decision in every tenant.
pub(crate) struct Clients(Vec<mpsc::Sender<Job>>);

impl Clients {
    /// This many, on the same servers as `stack`, each with one connection to each.
    pub(crate) fn start(count: usize, stack: &TestStack, approvals: &Approvals) -> Self {
        let start = |_| {
            let process = TestStack::sharing(stack, &[("DATABASE_MAX_CONNECTIONS", "1")]);
            let approvals = approvals.clone();
            let (jobs, received) = mpsc::channel::<Job>();
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                let client = client_of(&process);
                for (first, count, done) in received {
                    runtime.block_on(async {
                        for number in first..first + count {
                            approvals.approve(&client, number).await;
                        }
                    });
                    let _ = done.send(());
                }
            });
            jobs
        };
        Self((0..count).map(start).collect())
    }

    /// Lets each decide on `each` requests, one after the other, and returns when all have. The first client's requests begin
    /// at `first`, and each other's where those before end.
    pub(crate) async fn decide(&self, first: usize, each: usize) {
        let mut awaited = Vec::new();
        for (n, jobs) in self.0.iter().enumerate() {
            let (done, told) = oneshot::channel();
            jobs.send((first + n * each, each, done)).expect("the client lives");
            awaited.push(told);
        }
        for told in awaited {
            told.await.expect("every decision was made");
        }
    }
}
