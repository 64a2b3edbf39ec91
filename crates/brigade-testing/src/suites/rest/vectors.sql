UPDATE notes SET found = setweight(to_tsvector('english', body), CASE WHEN rank = 1 THEN 'A'::"char" ELSE 'B'::"char" END);

CREATE TEXT SEARCH CONFIGURATION plain_words (COPY = simple);
