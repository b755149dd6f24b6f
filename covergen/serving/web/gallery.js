// The covers so far: what is being painted, the history, and the favourites among it.

import { history } from "/web/api.js";
import { Album, Request } from "/web/cards.js";

const $ = (id) => document.getElementById(id);
const PAGE = 12; // requests
let albums = []; // as they stand on the page
let older = null;
let favourites = false;
let turn = 0;

export class Gallery {
  constructor(act, say, complain) {
    Object.assign(this, { act, say, complain });
    $("show-all").addEventListener("click", () => this.filter(false));
    $("show-favourites").addEventListener("click", () => this.filter(true));
    $("older").addEventListener("click", () => this.show({ more: true }));
  }

  // Puts a request where it belongs: "prepend" what is new, "append" what is older than all that is shown.
  add(state, where, { only = false } = {}) {
    const request = new Request(state, this.act, { only });
    const next = where === "prepend" ? albums[0] : albums.at(-1);
    const album = next?.key === Album.keyOf(request) ? next : new Album(request);
    if (album !== next) {
      if (where === "prepend") albums.unshift(album);
      else albums.push(album);
      $("albums")[where](album.element);
    }
    album.add(request, where);
    $("empty").hidden = true;
    return request;
  }

  async show({ more = false } = {}) {
    const mine = (turn += 1);
    const query = { limit: PAGE, ...(favourites && { favourites: true }), ...(more && older && { before: older }) };
    const told = await history(query).catch((refusal) => { this.complain(refusal.message); return null; });
    if (mine !== turn || !told) return;
    if (!more) {
      albums = [];
      $("albums").replaceChildren();
    }
    $("empty").hidden = more || told.covers.length > 0;
    $("empty-told").textContent = favourites
      ? "No cover is a favourite yet. The heart on a cover makes it one."
      : "Nothing is painted yet. Drop a song, name the album, and paint.";
    for (const state of told.covers) {
      const request = this.add(state, "append", { only: favourites });
      if (!state.finished) request.follow(this.say).catch(request.complain);
    }
    older = told.next;
    $("older").hidden = !older;
  }

  filter(only) {
    favourites = only;
    $("show-all").setAttribute("aria-pressed", String(!only));
    $("show-favourites").setAttribute("aria-pressed", String(only));
    return this.show();
  }
}
