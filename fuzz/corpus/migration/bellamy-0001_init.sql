-- Bellamy Book: the tables that its founding document gives to PostgreSQL. Numbers such as S4-07 are those of the
-- requirements. The document's own text, with MySQL's inline INDEX, is test data: ../testdata/founding.sql.

-- S4-07 to S4-14. The unique constraints serve look-ups by e-mail and name (S4-52, S4-53). Times are without a zone, as
-- in the document, and are UTC.
CREATE TABLE users (
    id                  uuid PRIMARY KEY,
    email               varchar(255) UNIQUE NOT NULL,
    username            varchar(50) UNIQUE NOT NULL,
    full_name           varchar(255) NOT NULL,
    password_hash       varchar(255) NOT NULL,
    profile_picture_url varchar(500),
    cover_photo_url     varchar(500),
    bio                 text,
    created_at          timestamp NOT NULL,
    updated_at          timestamp NOT NULL
);

-- S4-15 to S4-18, S4-54, S4-55
CREATE TABLE posts (
    id         uuid PRIMARY KEY,
    author_id  uuid NOT NULL REFERENCES users (id),
    content    text NOT NULL,
    privacy    varchar(20) NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE INDEX idx_posts_author_created ON posts (author_id, created_at DESC);
CREATE INDEX idx_posts_privacy_created ON posts (privacy, created_at DESC);

-- S4-19 to S4-22, S4-56, S4-57. An answer names the comment that it answers.
CREATE TABLE comments (
    id                uuid PRIMARY KEY,
    post_id           uuid NOT NULL REFERENCES posts (id),
    author_id         uuid NOT NULL REFERENCES users (id),
    content           text NOT NULL,
    parent_comment_id uuid REFERENCES comments (id),
    created_at        timestamp NOT NULL
);
CREATE INDEX idx_comments_post_created ON comments (post_id, created_at DESC);
CREATE INDEX idx_comments_parent ON comments (parent_comment_id);

-- S4-23 to S4-27, S4-58, S4-59. One reaction for each person and target; a target is a post or a comment, so that no
-- foreign key can point at it (S4-26).
CREATE TABLE reactions (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES users (id),
    target_id   uuid NOT NULL,
    target_type varchar(20) NOT NULL,
    type        varchar(20) NOT NULL,
    created_at  timestamp NOT NULL,
    UNIQUE (user_id, target_id, target_type)
);
CREATE INDEX idx_reactions_target ON reactions (target_id, target_type);
CREATE INDEX idx_reactions_user ON reactions (user_id);
