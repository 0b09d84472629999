CREATE TABLE beats (
	name VARCHAR NOT NULL,
	moment TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE lags (
	facility VARCHAR NOT NULL,
	learnt TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	soonest_ms INTEGER NOT NULL,
	latest_ms INTEGER NOT NULL,
	PRIMARY KEY (facility)
);
CREATE TABLE plans (
	plan_id SERIAL NOT NULL,
	body TEXT NOT NULL,
	zone VARCHAR,
	rule VARCHAR,
	looked TIMESTAMP WITHOUT TIME ZONE,
	trouble VARCHAR,
	is_paused BOOLEAN NOT NULL,
	PRIMARY KEY (plan_id)
);
CREATE INDEX plans_looked ON plans (looked);
CREATE TABLE runs (
	run_id VARCHAR NOT NULL,
	system VARCHAR NOT NULL,
	player VARCHAR NOT NULL,
	host VARCHAR NOT NULL,
	wish VARCHAR NOT NULL,
	started TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	opens_at TIMESTAMP WITHOUT TIME ZONE,
	ended TIMESTAMP WITHOUT TIME ZONE,
	exit_code INTEGER,
	sentence VARCHAR,
	PRIMARY KEY (run_id)
);
CREATE INDEX runs_of_player ON runs (player, ended);
CREATE TABLE secrets (
	name VARCHAR NOT NULL,
	sealed VARCHAR NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE turns (
	plan_id INTEGER NOT NULL,
	starts_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	opens_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	wake_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	worker VARCHAR,
	claims INTEGER NOT NULL,
	ended TIMESTAMP WITHOUT TIME ZONE,
	exit_code INTEGER,
	sentence VARCHAR,
	run_id VARCHAR,
	PRIMARY KEY (plan_id, starts_at)
);
CREATE INDEX turns_ahead ON turns (wake_at) WHERE ended IS NULL;
CREATE TABLE deeds (
	id SERIAL NOT NULL,
	run_id VARCHAR NOT NULL,
	moment TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	what VARCHAR NOT NULL,
	court VARCHAR NOT NULL,
	start TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	order_id VARCHAR,
	PRIMARY KEY (id),
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
CREATE INDEX ix_deeds_run_id ON deeds (run_id);
INSERT INTO runs (run_id, system, player, host, wish, started)
	VALUES ('20261101T080000-0001', 'rec.us', 'fingerprint', 'here', 'Alice Marble', '2026-11-01 16:00:00');
INSERT INTO deeds (run_id, moment, what, court, start, order_id)
	VALUES ('20261101T080000-0001', '2026-11-01 16:00:00', 'held', 'Court 1', '2026-11-09 02:00:00', 'order-1');
INSERT INTO secrets (name, sealed) VALUES ('account home', 'gAAAAA');
INSERT INTO plans (body, is_paused) VALUES ('{"facility": "Alice Marble"}', '0');
INSERT INTO turns (plan_id, starts_at, opens_at, wake_at, claims)
	VALUES (1, '2026-11-09 02:00:00', '2026-11-01 16:00:00', '2026-11-01 15:56:00', 0);
