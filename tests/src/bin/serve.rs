//! The product's router over plain HTTP on 127.0.0.1, without Lambda and without its emulator, which answers some odd
//! requests itself and can queue only few. For checks over HTTP; configured as the functions are.
//!
//! Writes `http://127.0.0.1:<port>` to its output once it listens, and serves until it is ended.
#![expect(clippy::print_stdout, reason = "its address is what it is started for")]

use shared::{context::Duty, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let ctx = lambda::start(Duty::TenantsAndOperator).await?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, system_tests::product(ctx)).await?;
    Ok(())
}
