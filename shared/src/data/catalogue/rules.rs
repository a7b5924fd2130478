//! The list of rules, in the order in which they are told.

use futures_util::FutureExt as _;

use super::{Found, Rule};

/// A rule from its query, which the compiler holds against the catalogue of the database it is built with.
macro_rules! rule {
    ($name:literal, $file:tt, $why:literal) => {
        Rule {
            name: $name,
            why: $why,
            look: |connection| sqlx::query_file_as!(Found, $file).fetch_all(connection).boxed(),
        }
    };
}

/// Every rule.
pub static RULES: [Rule; 32] = [
    rule!(
        "row_security",
        "src/data/catalogue/rules/row_security.sql",
        "A table without row-level security shows every tenant to everybody who may read it, and one that does not force it shows them to its owner."
    ),
    rule!(
        "tenant_column",
        "src/data/catalogue/rules/tenant_column.sql",
        "A row without a tenant is covered by no policy and no foreign key."
    ),
    rule!(
        "policies",
        "src/data/catalogue/rules/policies.sql",
        "A role that acts for one tenant sees exactly the rows of that tenant, a forgotten tenant is an error and never an empty answer, and only the sweep and the look-ups see across tenants."
    ),
    rule!(
        "rights_beyond_rows",
        "src/data/catalogue/rules/rights_beyond_rows.sql",
        "TRUNCATE ignores row-level security, REFERENCES tells which rows exist, and TRIGGER runs one's code as somebody else."
    ),
    rule!(
        "rights_of_public",
        "src/data/catalogue/rules/rights_of_public.sql",
        "PUBLIC is every role of the cluster, those of other products too."
    ),
    rule!(
        "rights_of_strangers",
        "src/data/catalogue/rules/rights_of_strangers.sql",
        "Rights that nobody decided about are rights that nobody reviews."
    ),
    rule!(
        "rights_on_partitions",
        "src/data/catalogue/rules/rights_on_partitions.sql",
        "A partition has no policies of its own: whoever could read it directly would be past those of the whole."
    ),
    rule!(
        "rights_of_roles",
        "src/data/catalogue/rules/rights_of_roles.sql",
        "A right that was taken away stops whoever needs it, and at the moment of the need; one too many is there for whoever takes a role over."
    ),
    rule!(
        "rights_to_the_record",
        "src/data/catalogue/rules/rights_to_the_record.sql",
        "A record that can be changed or deleted from proves nothing."
    ),
    rule!(
        "rights_of_lookup",
        "src/data/catalogue/rules/rights_of_lookup.sql",
        "The definer functions look across tenants and so must only be able to look."
    ),
    rule!(
        "owners",
        "src/data/catalogue/rules/owners.sql",
        "An owner may drop policies and switch row-level security off, so everything has the one owner that nobody logs in as."
    ),
    rule!(
        "foreign_keys",
        "src/data/catalogue/rules/foreign_keys.sql",
        "Referential checks ignore row-level security: a foreign key without the tenant reaches another's rows and tells of them."
    ),
    rule!(
        "uniqueness",
        "src/data/catalogue/rules/uniqueness.sql",
        "Uniqueness across tenants tells one tenant what another has."
    ),
    rule!(
        "definer_functions",
        "src/data/catalogue/rules/definer_functions.sql",
        "A definer function acts as its owner for whoever may call it, so there are few, all named, each with a fixed search path and one caller."
    ),
    rule!(
        "leakproof_functions",
        "src/data/catalogue/rules/leakproof_functions.sql",
        "A function that is taken for leakproof is given rows before the policies have sorted them out."
    ),
    rule!(
        "function_settings",
        "src/data/catalogue/rules/function_settings.sql",
        "A function without a fixed search path runs whatever its caller put in front, and one with other settings changes what its caller is."
    ),
    rule!(
        "views",
        "src/data/catalogue/rules/views.sql",
        "A view without security_invoker reads with the rights of its owner."
    ),
    rule!(
        "relation_kinds",
        "src/data/catalogue/rules/relation_kinds.sql",
        "Materialized views and foreign tables know no policies, and a sequence lets each tenant count the others."
    ),
    rule!(
        "rewrite_rules",
        "src/data/catalogue/rules/rewrite_rules.sql",
        "A rewrite rule turns one statement into another behind the back of whoever reads the code."
    ),
    rule!(
        "unlogged_tables",
        "src/data/catalogue/rules/unlogged_tables.sql",
        "An unlogged table is empty after a crash, and on every replica."
    ),
    rule!(
        "publications",
        "src/data/catalogue/rules/publications.sql",
        "A publication sends the rows of all tenants past every policy, to whoever subscribes."
    ),
    rule!(
        "default_privileges",
        "src/data/catalogue/rules/default_privileges.sql",
        "What is made next should begin with no rights but its owner's."
    ),
    rule!(
        "rights_to_create",
        "src/data/catalogue/rules/rights_to_create.sql",
        "An object in somebody's search path can stand in for the real one."
    ),
    rule!(
        "role_attributes",
        "src/data/catalogue/rules/role_attributes.sql",
        "A superuser, or a role that bypasses row-level security, is stopped by no policy."
    ),
    rule!(
        "role_memberships",
        "src/data/catalogue/rules/role_memberships.sql",
        "A member of a role can do what the role can."
    ),
    rule!(
        "role_settings",
        "src/data/catalogue/rules/role_settings.sql",
        "A tenant, a search path or a role that is set beforehand is one that no request chose."
    ),
    rule!(
        "parameter_rights",
        "src/data/catalogue/rules/parameter_rights.sql",
        "Some settings are only safe because nobody may change them."
    ),
    rule!(
        "triggers",
        "src/data/catalogue/rules/triggers.sql",
        "A trigger that is switched off holds nothing: neither a foreign key nor the states of an approval."
    ),
    rule!(
        "missing_guards",
        "src/data/catalogue/rules/missing_guards.sql",
        "Without its triggers an approval could go from any state to any other, and without a foreign key a row could belong to nothing."
    ),
    rule!(
        "unchecked_rows",
        "src/data/catalogue/rules/unchecked_rows.sql",
        "A constraint that was not validated, or an index that was not finished, says nothing about the rows that were there."
    ),
    rule!(
        "extensions",
        "src/data/catalogue/rules/extensions.sql",
        "An extension's functions are open to PUBLIC and would stand in the schemas that the product trusts."
    ),
    rule!(
        "times",
        "src/data/catalogue/rules/times.sql",
        "A time without a zone depends on the settings of whoever reads it."
    ),
];
