/**
 * Brama in the browser. Nine names: `createAuth`, then `ready`, `state`, `subscribe`, `signIn`, `signOut`, `token`, `fetch`, `debug`.
 *
 * The refresh token is never here: it is in an HttpOnly cookie that only the server reads. Apps of other sites have one that is
 * bound to a key (`dpop`).
 *
 * @module
 */
import { AuthError } from './lib/error.js';
export { AuthError };
export type ErrorCode = import('./lib/error.js').ErrorCode;
export type Options = {
    /**
     * the app's id at the server
     */
    clientId: string;
    /**
     * the server's address, exactly as its metadata says it; default: this page's origin
     */
    issuer?: string;
    /**
     * the only foreign origins that may get a token; the page's own origin always may
     */
    apis?: string[];
    /**
     * default `openid profile email`
     */
    scope?: string;
    /**
     * path of this site that sign-in by redirect comes back to; default `/callback`
     */
    redirectPath?: string;
    /**
     * where the **access token** lives. `memory` (default): gone with the page,
     * restored by the cookie. `session` (sessionStorage) and `persistent` (localStorage) save one request per page load, and any
     * script that ever runs on this origin can read the token there, copies on disk included, and use it elsewhere until it expires
     */
    storage?: 'memory' | 'session' | 'persistent';
    /**
     * for each request of the SDK itself; default 10000
     */
    timeoutMs?: number;
    /**
     * for an app on another site than the server, which no cookie reaches: tokens are bound to a key that stays in
     * this browser (RFC 9449). Key and refresh token are in IndexedDB, where scripts can use the key but not read it; default false
     */
    dpop?: boolean;
    /**
     * how the session is kept; default `cookie`
     */
    mode?: 'cookie';
};
export type User = {
    sub: string;
    preferred_username?: string;
    name?: string;
    email?: string;
    email_verified?: boolean;
    locale?: string;
    [claim: string]: unknown;
};
export type State = {
    /**
     * `loading` also while the server cannot be reached (see `error`)
     */
    status: 'loading' | 'signed-in' | 'signed-out';
    /**
     * null while unknown, also when `/userinfo` failed
     */
    user: User | null;
    /**
     * where the access token really lives: `memory` when the browser blocks more
     */
    storage: 'memory' | 'session' | 'persistent';
    /**
     * why the last sign-in or restore did not work, or why the session ended
     */
    error: AuthError | null;
};
export type Password = {
    username: string;
    password: string;
};
export type Redirect = {
    /**
     * where to be afterwards, an address of this origin; default: here
     */
    returnTo?: string;
    /**
     * user name to fill in
     */
    loginHint?: string;
    /**
     * for example `login` or `none` (OIDC Core §3.1.2.1)
     */
    prompt?: string;
    /**
     * for example `uk en`
     */
    uiLocales?: string;
};
export type Result = {
    ok: true;
    error?: undefined;
} | {
    ok: false;
    error: AuthError;
};
export type TokenResult = {
    ok: true;
    token: string;
    expiresIn: number;
    error?: undefined;
} | {
    ok: false;
    error: AuthError;
};
export type Auth = {
    /**
     * finishes a redirect or restores the session. Call it before the router starts. Never
     * rejects; while the server is out of reach the status stays `loading` and another call tries again
     */
    ready: () => Promise<State>;
    /**
     * the current picture
     */
    state: State;
    /**
     * calls the listener now and at each change; returns the way to stop
     */
    subscribe: (listener: (state: State) => void) => () => void;
    /**
     * with user name and password: done when it resolves; otherwise the
     * page leaves for the server's sign-in page and `ready()` finishes there
     */
    signIn: (how?: Password | Redirect) => Promise<Result>;
    /**
     * ends the session in all tabs at once and on the server; a
     * sign-out that the server has not heard is repeated by the next `ready()`
     */
    signOut: (options?: {
        returnTo?: string;
    }) => Promise<Result>;
    /**
     * the access token, for requests that
     * `fetch` cannot make (WebSocket, upload with progress). `resource`: where it will go, checked against `apis`. `fresh`: a new one.
     * `expiresIn`: seconds
     */
    token: (options?: {
        resource?: string | URL;
        fresh?: boolean;
    }) => Promise<TokenResult>;
    /**
     * resolves to what the API says to a current token;
     * refreshes and repeats once after a 401. Rejects with an AuthError when no current token can be had (`signed_out`,
     * `session_expired`, `timeout`…), when the API cannot be reached (`network`) and when the token must not go there
     * (`origin_not_allowed`, also for an answer that redirects). An abort by the caller's own signal rejects as `fetch` does
     */
    fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
    /**
     * the last 50 decisions without secrets, ready to paste into an issue
     */
    debug: () => object;
};
/** @typedef {import('./lib/error.js').ErrorCode} ErrorCode */
/**
 * @typedef {object} Options
 * @property {string} clientId the app's id at the server
 * @property {string} [issuer] the server's address, exactly as its metadata says it; default: this page's origin
 * @property {string[]} [apis] the only foreign origins that may get a token; the page's own origin always may
 * @property {string} [scope] default `openid profile email`
 * @property {string} [redirectPath] path of this site that sign-in by redirect comes back to; default `/callback`
 * @property {'memory' | 'session' | 'persistent'} [storage] where the **access token** lives. `memory` (default): gone with the page,
 *   restored by the cookie. `session` (sessionStorage) and `persistent` (localStorage) save one request per page load, and any
 *   script that ever runs on this origin can read the token there, copies on disk included, and use it elsewhere until it expires
 * @property {number} [timeoutMs] for each request of the SDK itself; default 10000
 * @property {boolean} [dpop] for an app on another site than the server, which no cookie reaches: tokens are bound to a key that stays in
 *   this browser (RFC 9449). Key and refresh token are in IndexedDB, where scripts can use the key but not read it; default false
 * @property {'cookie'} [mode] how the session is kept; default `cookie`
 */
/**
 * Who is signed in, as `/userinfo` says it (OIDC Core §5.1); which fields there are depends on the scope.
 *
 * @typedef {{ sub: string, preferred_username?: string, name?: string, email?: string, email_verified?: boolean, locale?: string,
 *   [claim: string]: unknown }} User
 */
/**
 * A frozen picture; a change makes a new one.
 *
 * @typedef {object} State
 * @property {'loading' | 'signed-in' | 'signed-out'} status `loading` also while the server cannot be reached (see `error`)
 * @property {User | null} user null while unknown, also when `/userinfo` failed
 * @property {'memory' | 'session' | 'persistent'} storage where the access token really lives: `memory` when the browser blocks more
 * @property {AuthError | null} error why the last sign-in or restore did not work, or why the session ended
 */
/**
 * @typedef {object} Password sign-in by the app's own form (first-party apps only)
 * @property {string} username
 * @property {string} password
 */
/**
 * @typedef {object} Redirect sign-in at the server's pages
 * @property {string} [returnTo] where to be afterwards, an address of this origin; default: here
 * @property {string} [loginHint] user name to fill in
 * @property {string} [prompt] for example `login` or `none` (OIDC Core §3.1.2.1)
 * @property {string} [uiLocales] for example `uk en`
 */
/** @typedef {{ ok: true, error?: undefined } | { ok: false, error: AuthError }} Result */
/** @typedef {{ ok: true, token: string, expiresIn: number, error?: undefined } | { ok: false, error: AuthError }} TokenResult */
/**
 * @typedef {object} Auth
 * @property {() => Promise<State>} ready finishes a redirect or restores the session. Call it before the router starts. Never
 *   rejects; while the server is out of reach the status stays `loading` and another call tries again
 * @property {State} state the current picture
 * @property {(listener: (state: State) => void) => () => void} subscribe calls the listener now and at each change; returns the way to stop
 * @property {(how?: Password | Redirect) => Promise<Result>} signIn with user name and password: done when it resolves; otherwise the
 *   page leaves for the server's sign-in page and `ready()` finishes there
 * @property {(options?: { returnTo?: string }) => Promise<Result>} signOut ends the session in all tabs at once and on the server; a
 *   sign-out that the server has not heard is repeated by the next `ready()`
 * @property {(options?: { resource?: string | URL, fresh?: boolean }) => Promise<TokenResult>} token the access token, for requests that
 *   `fetch` cannot make (WebSocket, upload with progress). `resource`: where it will go, checked against `apis`. `fresh`: a new one.
 *   `expiresIn`: seconds
 * @property {(input: RequestInfo | URL, init?: RequestInit) => Promise<Response>} fetch resolves to what the API says to a current token;
 *   refreshes and repeats once after a 401. Rejects with an AuthError when no current token can be had (`signed_out`,
 *   `session_expired`, `timeout`…), when the API cannot be reached (`network`) and when the token must not go there
 *   (`origin_not_allowed`, also for an answer that redirects). An abort by the caller's own signal rejects as `fetch` does
 * @property {() => object} debug the last 50 decisions without secrets, ready to paste into an issue
 */
/**
 * Nothing happens until `ready()` or another method is called.
 *
 * @param {Options} options
 * @returns {Auth}
 * @throws {AuthError} `config`: an option is wrong
 */
export declare const createAuth: (options: Options) => Auth;
