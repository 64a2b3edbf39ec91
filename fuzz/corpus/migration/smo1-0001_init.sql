-- SMO1: the tables of a link shortener. Plain PostgreSQL; SQLite gets a translation.
-- Numbers such as S0-23 are those of the requirements that a table answers.

-- S0-15 to S0-19
CREATE TYPE subscription_tier AS ENUM ('free', 'pro', 'business', 'early_adopter');
CREATE TYPE link_status AS ENUM ('active', 'paused', 'expired', 'blocked');
CREATE TYPE achievement_category AS ENUM ('links', 'clicks', 'streaks', 'community');
CREATE TYPE xp_event_type AS ENUM (
    'link_created', 'first_link',
    'click_milestone_10', 'click_milestone_100', 'click_milestone_1000',
    'daily_login', 'streak_7', 'streak_30', 'streak_100', 'streak_365',
    'achievement_unlocked'
);
CREATE TYPE protection_type AS ENUM ('none', 'password', 'pin');

-- S0-23: identity, subscription, gamification. The id is the identity provider's, therefore text.
CREATE TABLE users (
    id                      text PRIMARY KEY,
    email                   varchar(320) NOT NULL UNIQUE,
    username                varchar(50) UNIQUE,
    avatar_url              text,
    subscription_tier       subscription_tier NOT NULL DEFAULT 'free',
    subscription_status     text NOT NULL DEFAULT 'none',
    subscription_period_end timestamptz,
    cancel_at_period_end    boolean NOT NULL DEFAULT false,
    polar_customer_id       text UNIQUE,
    polar_subscription_id   text UNIQUE,
    xp                      integer NOT NULL DEFAULT 0 CHECK (xp >= 0),
    level                   integer NOT NULL DEFAULT 1 CHECK (level >= 1),
    streak_current          integer NOT NULL DEFAULT 0 CHECK (streak_current >= 0),
    streak_longest          integer NOT NULL DEFAULT 0 CHECK (streak_longest >= 0),
    last_streak_at          timestamptz,
    total_links             bigint NOT NULL DEFAULT 0 CHECK (total_links >= 0),
    total_clicks            bigint NOT NULL DEFAULT 0 CHECK (total_clicks >= 0),
    monthly_links_used      integer NOT NULL DEFAULT 0 CHECK (monthly_links_used >= 0),
    last_login_at           timestamptz,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_streaks CHECK (streak_longest >= streak_current)
);
CREATE INDEX users_created_at ON users (created_at);

-- S0-24, S0-25, S0-36: a link, its campaign (UTM) and its protection. The counter of clicks lies on the row, so that
-- the most clicked links are an indexed read (S0-35).
CREATE TABLE links (
    id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id                text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    original_url           text NOT NULL CHECK (original_url <> ''),
    uid                    varchar(16) NOT NULL UNIQUE,
    custom_slug            varchar(100),
    display_name           varchar(200),
    status                 link_status NOT NULL DEFAULT 'active',
    redirect_mode          smallint NOT NULL DEFAULT 302 CHECK (redirect_mode IN (301, 302, 307, 308)),
    content_classification text,
    utm_source             varchar(200),
    utm_medium             varchar(200),
    utm_campaign           varchar(200),
    utm_term               varchar(200),
    utm_content            varchar(200),
    protection_type        protection_type NOT NULL DEFAULT 'none',
    protection_hash        text,
    protection_hint        varchar(200),
    max_attempts           smallint NOT NULL DEFAULT 5 CHECK (max_attempts BETWEEN 1 AND 100),
    total_clicks           bigint NOT NULL DEFAULT 0 CHECK (total_clicks >= 0),
    unique_visitors        bigint NOT NULL DEFAULT 0 CHECK (unique_visitors >= 0),
    last_clicked_at        timestamptz,
    expires_at             timestamptz,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT links_protection CHECK (protection_type = 'none' OR protection_hash IS NOT NULL)
);
-- S0-20, S0-26, S0-27. A slug is unique only where there is one, and a reader asks for it by name.
CREATE UNIQUE INDEX links_custom_slug ON links (custom_slug) WHERE custom_slug IS NOT NULL;
CREATE INDEX links_user_id ON links (user_id);
CREATE INDEX links_created_at ON links (created_at DESC);
CREATE INDEX links_total_clicks ON links (total_clicks DESC);

-- S0-28, S0-37: the key itself is never stored; a request is let in by one read of key_hash.
CREATE TABLE api_keys (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         varchar(100) NOT NULL,
    key_hash     text NOT NULL UNIQUE,
    key_prefix   varchar(16) NOT NULL,
    permissions  text[] NOT NULL DEFAULT '{}',
    last_used_at timestamptz,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_keys_user_id ON api_keys (user_id);

-- S0-29
CREATE TABLE achievements (
    id          text PRIMARY KEY,
    name        varchar(100) NOT NULL UNIQUE,
    description text NOT NULL,
    category    achievement_category NOT NULL,
    criteria    jsonb NOT NULL,
    xp_reward   integer NOT NULL DEFAULT 0 CHECK (xp_reward >= 0),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX achievements_category ON achievements (category);

-- S0-30: how far a person is with an achievement.
CREATE TABLE user_achievements (
    user_id        text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    achievement_id text NOT NULL REFERENCES achievements (id),
    progress       numeric(5, 2) NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    unlocked_at    timestamptz,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, achievement_id)
);
CREATE INDEX user_achievements_achievement_id ON user_achievements (achievement_id);

-- S0-31: where experience points came from.
CREATE TABLE xp_events (
    id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    type       xp_event_type NOT NULL,
    xp         integer NOT NULL,
    link_id    uuid REFERENCES links (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX xp_events_user_id ON xp_events (user_id);
CREATE INDEX xp_events_created_at ON xp_events (created_at);

-- S0-32: what Polar has told, each once. It is written before it is answered, processed afterwards.
CREATE TABLE webhook_events (
    id           bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    event_id     text NOT NULL UNIQUE,
    type         text NOT NULL,
    payload      jsonb NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz
);

-- S0-33: failed tries at a protected link, counted for each address until it is locked out.
CREATE TABLE protection_attempts (
    id           bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    link_id      uuid NOT NULL REFERENCES links (id) ON DELETE CASCADE,
    ip_address   text NOT NULL,
    attempted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX protection_attempts_link_id ON protection_attempts (link_id, ip_address);
CREATE INDEX protection_attempts_ip_address ON protection_attempts (ip_address);
