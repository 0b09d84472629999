CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.beats (
    name character varying NOT NULL,
    moment timestamp without time zone NOT NULL
);
CREATE TABLE public.deeds (
    id integer NOT NULL,
    run_id character varying NOT NULL,
    moment timestamp without time zone NOT NULL,
    what character varying NOT NULL,
    court character varying NOT NULL,
    start timestamp without time zone NOT NULL,
    order_id character varying,
    facility character varying
);
CREATE SEQUENCE public.deeds_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deeds_id_seq OWNED BY public.deeds.id;
CREATE TABLE public.lags (
    facility character varying NOT NULL,
    learnt timestamp without time zone NOT NULL,
    soonest_ms integer NOT NULL,
    latest_ms integer NOT NULL
);
CREATE TABLE public.plans (
    plan_id integer NOT NULL,
    body text NOT NULL,
    zone character varying,
    rule character varying,
    looked timestamp without time zone,
    trouble character varying,
    is_paused boolean NOT NULL
);
CREATE SEQUENCE public.plans_plan_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.plans_plan_id_seq OWNED BY public.plans.plan_id;
CREATE TABLE public.runs (
    run_id character varying NOT NULL,
    system character varying NOT NULL,
    player character varying NOT NULL,
    host character varying NOT NULL,
    wish character varying NOT NULL,
    started timestamp without time zone NOT NULL,
    opens_at timestamp without time zone,
    ended timestamp without time zone,
    exit_code integer,
    sentence character varying
);
CREATE TABLE public.secrets (
    name character varying NOT NULL,
    sealed character varying NOT NULL
);
CREATE TABLE public.turns (
    plan_id integer NOT NULL,
    starts_at timestamp without time zone NOT NULL,
    opens_at timestamp without time zone NOT NULL,
    wake_at timestamp without time zone NOT NULL,
    worker character varying,
    claims integer NOT NULL,
    ended timestamp without time zone,
    exit_code integer,
    sentence character varying,
    run_id character varying,
    false_starts integer DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.deeds ALTER COLUMN id SET DEFAULT nextval('public.deeds_id_seq'::regclass);
ALTER TABLE ONLY public.plans ALTER COLUMN plan_id SET DEFAULT nextval('public.plans_plan_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0003');
INSERT INTO public.beats VALUES ('refresh', '2026-03-09 14:00:00');
INSERT INTO public.beats VALUES ('renew atrium', '2026-03-09 14:40:00');
INSERT INTO public.deeds VALUES (1, '20260302T155500-0001', '2026-03-02 15:59:40', 'asking', 'Court 1', '2026-03-10 01:00:00', NULL, 'alice-marble');
INSERT INTO public.deeds VALUES (2, '20260302T155500-0001', '2026-03-02 15:59:40', 'asking', 'Court 2', '2026-03-10 01:00:00', NULL, 'alice-marble');
INSERT INTO public.deeds VALUES (3, '20260302T155500-0001', '2026-03-02 16:00:00.14', 'held', 'Court 1', '2026-03-10 01:00:00', 'order-1', 'alice-marble');
INSERT INTO public.deeds VALUES (4, '20260302T155500-0001', '2026-03-02 16:00:00.14', 'held', 'Court 2', '2026-03-10 01:00:00', 'order-2', 'alice-marble');
INSERT INTO public.deeds VALUES (5, '20260302T155500-0001', '2026-03-02 16:00:00.15', 'confirming', 'Court 1', '2026-03-10 01:00:00', 'order-1', 'alice-marble');
INSERT INTO public.deeds VALUES (6, '20260302T155500-0001', '2026-03-02 16:00:00.39', 'confirmed', 'Court 1', '2026-03-10 01:00:00', 'order-1', 'alice-marble');
INSERT INTO public.deeds VALUES (7, '20260302T155500-0001', '2026-03-02 16:00:00.52', 'released', 'Court 2', '2026-03-10 01:00:00', 'order-2', 'alice-marble');
INSERT INTO public.deeds VALUES (8, '20260309T145500-0002', '2026-03-09 14:59:40', 'asking', 'Court 1', '2026-03-17 01:00:00', NULL, 'alice-marble');
INSERT INTO public.deeds VALUES (9, '20260309T145500-0002', '2026-03-09 15:00:00.25', 'held', 'Court 1', '2026-03-17 01:00:00', 'order-3', 'alice-marble');
INSERT INTO public.deeds VALUES (10, '20260310T120000-0003', '2026-03-10 11:00:30', 'asking', 'Tennis 4', '2026-03-17 17:00:00', NULL, '');
INSERT INTO public.deeds VALUES (11, '20260310T120000-0003', '2026-03-10 11:00:31', 'unconfirmed', 'Tennis 4', '2026-03-17 17:00:00', 'order-4', '');
INSERT INTO public.deeds VALUES (12, '20260310T120000-0003', '2026-03-10 11:00:32', 'kept', 'Tennis 4', '2026-03-17 17:00:00', 'order-4', '');
INSERT INTO public.lags VALUES ('recus api.rec.us Alice Marble', '2026-03-02 16:00:00', 1200, 1450);
INSERT INTO public.plans VALUES (1, '{"type": "recurring", "rrule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=18;BYMINUTE=0", "counts_from": "2026-03-02T00:00:00", "duration": 90, "system": "recus", "sport": "tennis", "choices": [{"facility": "Alice Marble", "courts": ["Court 2", "Court 1"], "or": ["19:30:00"]}, {"facility": "Moscone", "courts": [], "or": []}], "max_price": 12.5, "pay": "by-hand", "together": true, "until": "2026-12-31", "except": ["2026-04-06"], "wait_list": false, "notice": 60}', 'America/Los_Angeles', '7 days 08:00:00', '2026-03-09 14:00:00', NULL, false);
INSERT INTO public.plans VALUES (2, '{"type": "one-off", "desired_time": "2026-03-17T10:00:00", "duration": 60, "system": "atrium", "sport": "tennis", "choices": [{"facility": "Trinity Bellwoods", "courts": [], "or": []}], "account": "home", "pay": "by-hand", "together": false, "except": [], "wait_list": true, "notice": 180}', 'America/Toronto', '168 hours', '2026-03-10 11:00:00', NULL, false);
INSERT INTO public.plans VALUES (3, '{"type": "one-off", "desired_time": "2026-03-20T20:00:00", "duration": 60, "system": "ntnui", "sport": "tennis", "choices": [{"facility": "Gløshaugen", "courts": [], "or": []}], "pay": "by-hand", "together": false, "except": [], "wait_list": false, "notice": 60, "link": "https://ntnui.example/session/17"}', NULL, NULL, NULL, 'the facility cannot be reached', false);
INSERT INTO public.plans VALUES (4, '{"type": "one-off", "desired_time": "2026-03-21T09:00:00", "duration": 60, "system": "recus", "sport": "pickleball", "choices": [{"facility": "Dolores", "courts": [], "or": []}], "max_price": 5.0, "pay": "credit", "together": false, "except": [], "wait_list": false, "notice": 60}', NULL, NULL, NULL, NULL, true);
INSERT INTO public.runs VALUES ('20260302T155500-0001', 'recus', '675b9029a595888448b4258641fdf135fbdf439dd690a092afe520b584ef9e46', 'court-pc', 'Alice Marble, tennis, 2026-03-09 18:00', '2026-03-02 15:55:00', NULL, '2026-03-02 16:00:01', 0, 'Reserved Court 1 at Alice Marble, Monday 2026-03-09 18:00-19:30, free.');
INSERT INTO public.runs VALUES ('20260309T145500-0002', 'recus', '675b9029a595888448b4258641fdf135fbdf439dd690a092afe520b584ef9e46', 'court-pc', 'Alice Marble, tennis, 2026-03-16 18:00', '2026-03-09 14:55:00', NULL, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('20260310T120000-0003', 'atrium', '5a2036573d737851be322dbf7ab69259f0fd77a9438734c8b1923293bf31951e', 'court-pc', 'Trinity Bellwoods, tennis, 2026-03-17 10:00', '2026-03-10 11:00:00', NULL, '2026-03-10 11:01:00', 7, 'Not sure: order order-4 for Tennis 4 may be booked. Look at your reservations before you try again.');
INSERT INTO public.secrets VALUES ('account/home', 'gAAAAABrAeXp7Ds16P2UoINOrHmqtq07aRzwsTwLIe6AKdhUemZIJ-lr5RyaPvvx2yRPJZ4N_-JpBEwXeeKvjTX1TTeudXxh3R9soJgL5jA-r9K-s0FliQHGM27MnsKNqPC1sfNQlnMxmbJJMgVzHQj2cmoBO1vh2SdbNNEcJ8K7oOoE263VOAmzDnFrEgyyC6BIyd73Ub1wvKC89oi0yf59udA6LWwrqRrv6oSmk31DxH3Nooy8InSbVR5Bj4T-ev7hZkzaAVeD');
INSERT INTO public.secrets VALUES ('token/5a2036573d737851be322dbf7ab69259f0fd77a9438734c8b1923293bf31951e', 'gAAAAABrAeXp5zupxafdLHsmGFs-9uXX53hmHYjkX8-b2fngoAYkxT6gvEU7iO-omfKJc-JM8wZJFqAsaiMmaoqgx1WtEK9xZMIMAQ7tIbV0OiRBMRSNyYGOJA9ZuaXdvglwpojgS9NvUs8lhHHi1td0rrzqVWJIdZt5boFrRZ1f3R_s_AkGZdTSRpa8bIzh1DE97PypUoC38ocCbpKko-Tr_4EKwUApvg==');
INSERT INTO public.turns VALUES (1, '2026-03-10 01:00:00', '2026-03-02 16:00:00', '2026-03-02 16:00:00', 'court-pc/101', 1, '2026-03-02 16:00:01', 0, 'Reserved Court 1 at Alice Marble, Monday 2026-03-09 18:00-19:30, free.', '20260302T155500-0001', 1);
INSERT INTO public.turns VALUES (1, '2026-03-17 01:00:00', '2026-03-09 15:00:00', '2026-03-09 15:00:45', 'court-pc/102', 1, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.turns VALUES (1, '2026-03-24 01:00:00', '2026-03-16 15:00:00', '2026-03-16 14:56:00', NULL, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO public.turns VALUES (2, '2026-03-17 17:00:00', '2026-03-10 17:00:00', '2026-03-10 16:56:00', NULL, 0, '2026-03-10 12:00:00', 1, 'Not reserved: skipped.', NULL, 0);
SELECT pg_catalog.setval('public.deeds_id_seq', 12, true);
SELECT pg_catalog.setval('public.plans_plan_id_seq', 4, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.beats
    ADD CONSTRAINT beats_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.deeds
    ADD CONSTRAINT deeds_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.lags
    ADD CONSTRAINT lags_pkey PRIMARY KEY (facility);
ALTER TABLE ONLY public.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (plan_id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (plan_id, starts_at);
CREATE INDEX ix_deeds_run_id ON public.deeds USING btree (run_id);
CREATE INDEX plans_looked ON public.plans USING btree (looked);
CREATE INDEX runs_of_player ON public.runs USING btree (player, ended);
CREATE INDEX turns_ahead ON public.turns USING btree (wake_at) WHERE (ended IS NULL);
ALTER TABLE ONLY public.deeds
    ADD CONSTRAINT deeds_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id);
