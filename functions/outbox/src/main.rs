//! The Lambda function `outbox`: the scheduled sweep.

use shared::{context::Duty, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    outbox::serve(lambda::start(Duty::Sweep).await?).await
}
