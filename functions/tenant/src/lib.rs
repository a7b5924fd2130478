//! Tenants, their people, their API keys, what people set for themselves, and the description of the whole API.

mod access;
mod api_key;
mod bootstrap_tenant;
mod create_api_key;
mod create_tenant;
mod create_user;
mod deactivate_user;
mod delegation;
mod end_delegation;
mod events;
mod get_delegation;
mod get_description;
mod get_docs;
mod get_index;
mod get_settings;
mod get_task;
mod get_tenant;
mod get_user;
mod list_api_keys;
mod list_tenants;
mod list_users;
mod mint;
mod name;
mod patch;
mod ping_task;
mod revoke_api_key;
mod rotate_api_key;
mod set_delegation;
mod settings;
mod store;
mod suspend_tenant;
mod task;
mod tenant;
mod update_settings;
mod update_tenant;
mod update_user;
mod user;

use shared::context::AppContext;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes of this function.
pub fn routes() -> OpenApiRouter<AppContext> {
    OpenApiRouter::new()
        .routes(routes!(get_index::get_index))
        .routes(routes!(get_description::get_description))
        .routes(routes!(get_docs::get_docs))
        .routes(routes!(create_tenant::create_tenant, list_tenants::list_tenants))
        .routes(routes!(
            get_tenant::get_tenant,
            update_tenant::update_tenant,
            suspend_tenant::suspend_tenant
        ))
        .routes(routes!(bootstrap_tenant::bootstrap_tenant))
        .routes(routes!(create_user::create_user, list_users::list_users))
        .routes(routes!(
            get_user::get_user,
            update_user::update_user,
            deactivate_user::deactivate_user
        ))
        .routes(routes!(get_settings::get_settings, update_settings::update_settings))
        .routes(routes!(
            get_delegation::get_delegation,
            set_delegation::set_delegation,
            end_delegation::end_delegation
        ))
        .routes(routes!(create_api_key::create_api_key, list_api_keys::list_api_keys))
        .routes(routes!(revoke_api_key::revoke_api_key))
        .routes(routes!(rotate_api_key::rotate_api_key))
        .routes(routes!(ping_task::ping_task))
        .routes(routes!(get_task::get_task))
}
