"""The local stack: private Postgres and Redis, the functions under cargo-lambda, and what they need.

Only the standard library is used, so that a machine with Python 3.9 and Rust is enough to begin.
"""
