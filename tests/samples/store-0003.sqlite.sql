CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE beats (
	name VARCHAR NOT NULL,
	moment DATETIME NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "beats" VALUES('refresh','2026-03-09 14:00:00.000000');
INSERT INTO "beats" VALUES('renew atrium','2026-03-09 14:40:00.000000');
CREATE TABLE deeds (
	id INTEGER NOT NULL,
	run_id VARCHAR NOT NULL,
	moment DATETIME NOT NULL,
	what VARCHAR NOT NULL,
	court VARCHAR NOT NULL,
	start DATETIME NOT NULL,
	order_id VARCHAR, facility VARCHAR,
	PRIMARY KEY (id),
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
INSERT INTO "deeds" VALUES(1,'20260302T155500-0001','2026-03-02 15:59:40.000000','asking','Court 1','2026-03-10 01:00:00.000000',NULL,'alice-marble');
INSERT INTO "deeds" VALUES(2,'20260302T155500-0001','2026-03-02 15:59:40.000000','asking','Court 2','2026-03-10 01:00:00.000000',NULL,'alice-marble');
INSERT INTO "deeds" VALUES(3,'20260302T155500-0001','2026-03-02 16:00:00.140000','held','Court 1','2026-03-10 01:00:00.000000','order-1','alice-marble');
INSERT INTO "deeds" VALUES(4,'20260302T155500-0001','2026-03-02 16:00:00.140000','held','Court 2','2026-03-10 01:00:00.000000','order-2','alice-marble');
INSERT INTO "deeds" VALUES(5,'20260302T155500-0001','2026-03-02 16:00:00.150000','confirming','Court 1','2026-03-10 01:00:00.000000','order-1','alice-marble');
INSERT INTO "deeds" VALUES(6,'20260302T155500-0001','2026-03-02 16:00:00.390000','confirmed','Court 1','2026-03-10 01:00:00.000000','order-1','alice-marble');
INSERT INTO "deeds" VALUES(7,'20260302T155500-0001','2026-03-02 16:00:00.520000','released','Court 2','2026-03-10 01:00:00.000000','order-2','alice-marble');
INSERT INTO "deeds" VALUES(8,'20260309T145500-0002','2026-03-09 14:59:40.000000','asking','Court 1','2026-03-17 01:00:00.000000',NULL,'alice-marble');
INSERT INTO "deeds" VALUES(9,'20260309T145500-0002','2026-03-09 15:00:00.250000','held','Court 1','2026-03-17 01:00:00.000000','order-3','alice-marble');
INSERT INTO "deeds" VALUES(10,'20260310T120000-0003','2026-03-10 11:00:30.000000','asking','Tennis 4','2026-03-17 17:00:00.000000',NULL,'');
INSERT INTO "deeds" VALUES(11,'20260310T120000-0003','2026-03-10 11:00:31.000000','unconfirmed','Tennis 4','2026-03-17 17:00:00.000000','order-4','');
INSERT INTO "deeds" VALUES(12,'20260310T120000-0003','2026-03-10 11:00:32.000000','kept','Tennis 4','2026-03-17 17:00:00.000000','order-4','');
CREATE TABLE lags (
	facility VARCHAR NOT NULL,
	learnt DATETIME NOT NULL,
	soonest_ms INTEGER NOT NULL,
	latest_ms INTEGER NOT NULL,
	PRIMARY KEY (facility)
);
INSERT INTO "lags" VALUES('recus api.rec.us Alice Marble','2026-03-02 16:00:00.000000',1200,1450);
CREATE TABLE plans (
	plan_id INTEGER NOT NULL,
	body TEXT NOT NULL,
	zone VARCHAR,
	rule VARCHAR,
	looked DATETIME,
	trouble VARCHAR,
	is_paused BOOLEAN NOT NULL,
	PRIMARY KEY (plan_id)
);
INSERT INTO "plans" VALUES(1,'{"type": "recurring", "rrule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=18;BYMINUTE=0", "counts_from": "2026-03-02T00:00:00", "duration": 90, "system": "recus", "sport": "tennis", "choices": [{"facility": "Alice Marble", "courts": ["Court 2", "Court 1"], "or": ["19:30:00"]}, {"facility": "Moscone", "courts": [], "or": []}], "max_price": 12.5, "pay": "by-hand", "together": true, "until": "2026-12-31", "except": ["2026-04-06"], "wait_list": false, "notice": 60}','America/Los_Angeles','7 days 08:00:00','2026-03-09 14:00:00.000000',NULL,0);
INSERT INTO "plans" VALUES(2,'{"type": "one-off", "desired_time": "2026-03-17T10:00:00", "duration": 60, "system": "atrium", "sport": "tennis", "choices": [{"facility": "Trinity Bellwoods", "courts": [], "or": []}], "account": "home", "pay": "by-hand", "together": false, "except": [], "wait_list": true, "notice": 180}','America/Toronto','168 hours','2026-03-10 11:00:00.000000',NULL,0);
INSERT INTO "plans" VALUES(3,'{"type": "one-off", "desired_time": "2026-03-20T20:00:00", "duration": 60, "system": "ntnui", "sport": "tennis", "choices": [{"facility": "Gløshaugen", "courts": [], "or": []}], "pay": "by-hand", "together": false, "except": [], "wait_list": false, "notice": 60, "link": "https://ntnui.example/session/17"}',NULL,NULL,NULL,'the facility cannot be reached',0);
INSERT INTO "plans" VALUES(4,'{"type": "one-off", "desired_time": "2026-03-21T09:00:00", "duration": 60, "system": "recus", "sport": "pickleball", "choices": [{"facility": "Dolores", "courts": [], "or": []}], "max_price": 5.0, "pay": "credit", "together": false, "except": [], "wait_list": false, "notice": 60}',NULL,NULL,NULL,NULL,1);
CREATE TABLE runs (
	run_id VARCHAR NOT NULL,
	system VARCHAR NOT NULL,
	player VARCHAR NOT NULL,
	host VARCHAR NOT NULL,
	wish VARCHAR NOT NULL,
	started DATETIME NOT NULL,
	opens_at DATETIME,
	ended DATETIME,
	exit_code INTEGER,
	sentence VARCHAR,
	PRIMARY KEY (run_id)
);
INSERT INTO "runs" VALUES('20260302T155500-0001','recus','675b9029a595888448b4258641fdf135fbdf439dd690a092afe520b584ef9e46','court-pc','Alice Marble, tennis, 2026-03-09 18:00','2026-03-02 15:55:00.000000',NULL,'2026-03-02 16:00:01.000000',0,'Reserved Court 1 at Alice Marble, Monday 2026-03-09 18:00-19:30, free.');
INSERT INTO "runs" VALUES('20260309T145500-0002','recus','675b9029a595888448b4258641fdf135fbdf439dd690a092afe520b584ef9e46','court-pc','Alice Marble, tennis, 2026-03-16 18:00','2026-03-09 14:55:00.000000',NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('20260310T120000-0003','atrium','5a2036573d737851be322dbf7ab69259f0fd77a9438734c8b1923293bf31951e','court-pc','Trinity Bellwoods, tennis, 2026-03-17 10:00','2026-03-10 11:00:00.000000',NULL,'2026-03-10 11:01:00.000000',7,'Not sure: order order-4 for Tennis 4 may be booked. Look at your reservations before you try again.');
CREATE TABLE secrets (
	name VARCHAR NOT NULL,
	sealed VARCHAR NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "secrets" VALUES('account/home','gAAAAABrAeXlz-e57DjPdbIGuMCJS80eYtc3WuEVtZ4yqzLhnRL1zjaLsmCUkN27_oJ20_mtdfDXp1fIQ6lMYxaTg6u06P2rX2QQAR7s3ZKNYZJobPJxYM6IJec64ASrFRJ1Tx4v9FbXTJE7pvVv9S9MInRDr6treUzdZfxDZUbrynzIYYkJUjP6dZfx9zc9nfyXOpg_7gm9WMeZeEe647sHe43VR75dWd1zHdDeCjQouiGCGPJ08IEs_sfNm40K9bg-IoI6GNwQ');
INSERT INTO "secrets" VALUES('token/5a2036573d737851be322dbf7ab69259f0fd77a9438734c8b1923293bf31951e','gAAAAABrAeXlrWBj4ae0DFDgJYF1u0nh37qdOVyO5iI7lt6vJp43jEqeevxTy_zCPEmUOHzB_dAKaOQ7_javG6fMd_prnZOG77_J-SVHuhlmzB9aJfoUnRegrjfe9E7MGaptVEJaRYe05O36vKOouGFni277wStPddLUXXFqTAN2HSqBGN3KIwVpQeBZ67gWeH40pWarGQ8Fq_dSHwPvp3EvKcmm_1CEpA==');
CREATE TABLE turns (
	plan_id INTEGER NOT NULL,
	starts_at DATETIME NOT NULL,
	opens_at DATETIME NOT NULL,
	wake_at DATETIME NOT NULL,
	worker VARCHAR,
	claims INTEGER NOT NULL,
	ended DATETIME,
	exit_code INTEGER,
	sentence VARCHAR,
	run_id VARCHAR, false_starts INTEGER DEFAULT '0' NOT NULL,
	PRIMARY KEY (plan_id, starts_at)
);
INSERT INTO "turns" VALUES(1,'2026-03-10 01:00:00.000000','2026-03-02 16:00:00.000000','2026-03-02 16:00:00.000000','court-pc/101',1,'2026-03-02 16:00:01.000000',0,'Reserved Court 1 at Alice Marble, Monday 2026-03-09 18:00-19:30, free.','20260302T155500-0001',1);
INSERT INTO "turns" VALUES(1,'2026-03-17 01:00:00.000000','2026-03-09 15:00:00.000000','2026-03-09 15:00:45.000000','court-pc/102',1,NULL,NULL,NULL,NULL,1);
INSERT INTO "turns" VALUES(1,'2026-03-24 01:00:00.000000','2026-03-16 15:00:00.000000','2026-03-16 14:56:00.000000',NULL,0,NULL,NULL,NULL,NULL,0);
INSERT INTO "turns" VALUES(2,'2026-03-17 17:00:00.000000','2026-03-10 17:00:00.000000','2026-03-10 16:56:00.000000',NULL,0,'2026-03-10 12:00:00.000000',1,'Not reserved: skipped.',NULL,0);
CREATE INDEX runs_of_player ON runs (player, ended);
CREATE INDEX ix_deeds_run_id ON deeds (run_id);
CREATE INDEX plans_looked ON plans (looked);
CREATE INDEX turns_ahead ON turns (wake_at) WHERE ended IS NULL;
