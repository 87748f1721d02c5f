// The one reader of versions: for uploads, check-ins, the command line, the rules and simulated boards. The C++ core
// (client/src/core/offer/semver.cpp) answers alike on every case of protocol/vectors/semver.json.
//
// The order is that of SemVer 2.0.0 section 11, with two things that people write beside it. A leading `v` is dropped.
// What `git describe` writes is read as it is meant: `1.4.1-2-g0296947` is two commits after 1.4.1 and below whatever
// comes after 1.4.1, and `-dirty` (sources that were changed and not committed) is after the same without. Build metadata
// never counts. A text that is not SemVer has no place in the order; it is only ever compared as it is.

import { MAX_VERSION_CHARS } from '#protocol/limits.ts';
import { SEMVER_PATTERN } from '#protocol/words.ts';

const strict = new RegExp(SEMVER_PATTERN);

const LEADING_V = /^[vV](?=\d)/;

/** `TAG-COMMITS-gHASH`, `TAG-COMMITS-gHASH-dirty` or `TAG-dirty`; `git describe --tags --dirty`, git-describe(1). */
const DESCRIBED = /^(?<tag>.+?)(?:-(?<commits>0|[1-9]\d{0,14})-g(?<hash>[0-9a-f]{4,40}))?(?<dirty>-dirty)?$/;

/** What `git describe --always` writes where there is no tag. */
const BARE_HASH = /^g?(?=0|\d*[a-f])[0-9a-f]{7,40}(?:-dirty)?$/;

interface Place {
  /** SemVer without build metadata. */
  readonly tag: string;
  /** How many commits after it. */
  readonly commits: number;
  readonly hash: string | undefined;
  readonly hasChanges: boolean;
}

/** Whether the text is SemVer 2.0.0 as written: no leading `v`, no spaces, no number that is too long to be ordered. */
export function isVersion(text: string): boolean {
  return strict.test(text);
}

/** As a release is named: without a leading `v`. */
export function bareVersion(text: string): string {
  return LEADING_V.test(text) ? text.slice(1) : text;
}

/** Whether a reported version has a place in the order: SemVer, with a leading `v` or without. */
export function isOrdered(reported: string): boolean {
  return placeOf(reported) !== undefined;
}

/**
 * Negative, zero or positive as the order has them. Undefined where one of the two is not SemVer, and for two states of the
 * source that are equally many commits after one tag and are not the same commit: these are neither equal nor ordered.
 */
export function compareVersions(left: string, right: string): number | undefined {
  const [here, there] = [placeOf(left), placeOf(right)];
  if (here === undefined || there === undefined) return undefined;
  const order = compareSemver(here.tag, there.tag) || here.commits - there.commits;
  if (order !== 0) return order;
  const isOtherCommit = here.commits > 0 && here.hash !== there.hash;
  return isOtherCommit ? undefined : Number(here.hasChanges) - Number(there.hasChanges);
}

/**
 * The same by SemVer 2.0.0 alone, where what `git describe` writes is a pre-release: the order of boards with an OtterOTA before
 * 0.3.0. Undefined where one of the two is not SemVer as written.
 */
export function compareAsSemver(left: string, right: string): number | undefined {
  return isVersion(left) && isVersion(right) ? compareSemver(left, right) : undefined;
}

/** Texts with the same key are the same version: of SemVer what counts in the order, any other text as it is. */
export function versionKey(reported: string): string {
  const place = placeOf(reported);
  if (place === undefined) return reported;
  const { tag, commits, hash, hasChanges } = place;
  return `${tag}${commits === 0 ? '' : `-${commits}-g${hash}`}${hasChanges ? '-dirty' : ''}`;
}

/** Whether `git describe` wrote this beside a tag: a state of the source that is no release by itself. */
export function isDescribed(version: string): boolean {
  const place = placeOf(version);
  return place !== undefined && (place.hash !== undefined || place.hasChanges);
}

/** Whether the sources had changes that nobody committed: such a build cannot be made again. */
export function isDirty(version: string): boolean {
  return withoutBuild(version).endsWith('-dirty');
}

/** Whether the text names one commit: two builds that say it come from the same committed sources, or from changed ones. */
export function namesCommit(reported: string): boolean {
  return placeOf(reported)?.hash !== undefined || BARE_HASH.test(reported);
}

/** Why the text, as it stands, is not the version of a release; undefined: it is. For people, as the end of a sentence. */
export function versionFault(text: string): string | undefined {
  const bare = bareVersion(text);
  if (isVersion(bare)) {
    return bare.length <= MAX_VERSION_CHARS
      ? undefined
      : `it has ${bare.length} characters, and a release has at most ${MAX_VERSION_CHARS}`;
  }
  if (BARE_HASH.test(text)) return 'it is the hash of a commit, which has no place in an order';
  const numbers = /^\d+(?:\.\d+)*(?=$|[-+])/.exec(bare)?.[0].split('.');
  if (numbers === undefined) return 'it is not SemVer, which is three numbers such as 1.4.0';
  if (numbers.length !== 3)
    return `it has ${numbers.length} ${numbers.length === 1 ? 'number' : 'numbers'}, and SemVer has three`;
  const padded = numbers.find((number) => /^0\d/.test(number));
  if (padded !== undefined) return `SemVer has no leading zeros, as in ${padded}`;
  return 'what follows its three numbers is not SemVer';
}

/**
 * `1.4.2-rc10` beside `1.4.2-rc9`: SemVer orders `rc10` as text, below `rc9`, where people mean the number. True where the order
 * of the two is the other way round than it looks.
 */
export function looksNewer(version: string, other: string): boolean {
  const [order, meant] = [compareVersions(version, other), compareVersions(splitNumbers(version), splitNumbers(other))];
  return order !== undefined && meant !== undefined && order < 0 && meant > 0;
}

/** `rc10` as `rc.10`. */
function splitNumbers(version: string): string {
  const bare = withoutBuild(bareVersion(version));
  const preRelease = preReleaseOf(bare).replaceAll(/([A-Za-z-])(\d+)(?=\.|$)/g, '$1.$2');
  return preRelease === '' ? bare : `${bare.slice(0, bare.indexOf('-'))}-${preRelease}`;
}

function placeOf(text: string): Place | undefined {
  const bare = bareVersion(text);
  if (!isVersion(bare)) return undefined;
  const version = withoutBuild(bare);
  const { tag, commits, hash, dirty } = DESCRIBED.exec(version)?.groups ?? {};
  if (tag === undefined || !isVersion(tag)) return { tag: version, commits: 0, hash: undefined, hasChanges: false };
  return { tag, commits: Number(commits ?? 0), hash, hasChanges: dirty !== undefined };
}

function withoutBuild(version: string): string {
  return version.split('+')[0] ?? version;
}

/** SemVer 2.0.0 section 11 of two texts that are SemVer. */
function compareSemver(left: string, right: string): number {
  const [here, there] = [withoutBuild(left), withoutBuild(right)];
  return compareLists(coreOf(here), coreOf(there)) || comparePreReleases(preReleaseOf(here), preReleaseOf(there));
}

function coreOf(version: string): readonly string[] {
  return (version.split('-')[0] ?? version).split('.');
}

function preReleaseOf(version: string): string {
  const at = version.indexOf('-');
  return at === -1 ? '' : version.slice(at + 1);
}

/** Section 11.3: a version with a pre-release is lower than the same one without. */
function comparePreReleases(left: string, right: string): number {
  if (left === '' || right === '') return Number(left === '') - Number(right === '');
  return compareLists(left.split('.'), right.split('.'));
}

function compareLists(left: readonly string[], right: readonly string[]): number {
  const different = left.findIndex((identifier, index) => identifier !== right[index]);
  const [here, there] = [left[different], right[different]];
  if (here === undefined || there === undefined) return left.length - right.length;
  return compareIdentifiers(here, there);
}

/** Section 11.4: numbers by their size, texts by their characters, numbers below texts. Numbers may be longer than any type. */
function compareIdentifiers(left: string, right: string): number {
  const isNumber = (identifier: string): boolean => /^\d+$/.test(identifier);
  if (isNumber(left) !== isNumber(right)) return isNumber(left) ? -1 : 1;
  if (isNumber(left) && left.length !== right.length) return left.length - right.length;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
