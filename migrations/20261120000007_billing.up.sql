-- Memberships and what was paid for them, as Stripe tells it.
SET LOCAL ROLE countersign_owner;

CREATE TABLE memberships (
    tenant_id uuid PRIMARY KEY CONSTRAINT membership_belongs_to_a_tenant REFERENCES tenants (id),
    tier text NOT NULL DEFAULT 'free' CONSTRAINT membership_tier_is_known CHECK (tier IN ('free', 'monthly', 'annual')),
    status text NOT NULL CONSTRAINT membership_status_is_known CHECK (status IN (
        'ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE', 'PAUSED', 'CANCELED')),
    stripe_customer_id text,
    stripe_subscription_id text,
    current_period_start timestamptz,
    current_period_end timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX memberships_by_stripe_customer ON memberships (stripe_customer_id);

CREATE TABLE billing_history (
    tenant_id uuid NOT NULL CONSTRAINT billing_belongs_to_a_tenant REFERENCES tenants (id),
    id uuid NOT NULL,
    amount_cents bigint NOT NULL,
    currency text NOT NULL CONSTRAINT currency_is_an_iso_4217_code CHECK (currency ~ '^[A-Z]{3}$'),
    stripe_invoice_id text NOT NULL,
    status text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT invoice_is_unique_in_its_tenant UNIQUE (tenant_id, stripe_invoice_id)
);
CREATE INDEX billing_history_newest_first ON billing_history (tenant_id, occurred_at DESC, id DESC);

ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
ALTER TABLE billing_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_history FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON memberships TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON billing_history TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE ON memberships TO countersign_app;
GRANT SELECT, INSERT ON billing_history TO countersign_app;
RESET ROLE;
