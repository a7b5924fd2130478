//! Every route of this function through the router, against a real Postgres and Redis: one file an endpoint, and
//! `every_route` for what all of them share.

mod stage;

mod every_route;

mod bootstrap_tenant;
mod create_api_key;
mod create_tenant;
mod create_user;
mod delegation;
mod description;
mod get_index;
mod get_task;
mod get_tenant;
mod get_user;
mod list_api_keys;
mod list_tenants;
mod list_users;
mod ping_task;
mod revoke_api_key;
mod rotate_api_key;
mod settings;
mod suspend_tenant;
mod update_tenant;
mod update_user;
