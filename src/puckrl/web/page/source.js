// Where the data come from: the server, as they change, or the page itself.

class Live {
  constructor(hear, tell) {
    this.saved = null;
    this.epoch = null;
    this.hear = hear;
    this.tell = tell;
  }

  start() {
    const events = new EventSource("events");
    events.onopen = () => this.tell("live");
    events.onerror = () => {
      this.tell("lost");
      if (events.readyState === EventSource.CLOSED) setTimeout(() => this.start(), 3000);
    };
    events.onmessage = (event) => {
      const news = JSON.parse(event.data);
      const anew = this.epoch !== null && news.epoch !== this.epoch;
      this.epoch = news.epoch;
      this.hear(news, anew);
    };
  }

  async story(id) {
    return this.ask(`run/${id}`);
  }

  async curves(ids, names) {
    const list = (items) => items.map(encodeURIComponent).join(",");
    return this.ask(`curves?runs=${list(ids)}&names=${list(names)}`);
  }

  async ask(address) {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error((await answer.text()).trim());
    return answer.json();
  }

  url(path) {
    return path;
  }
}

class Saved {
  constructor(data, hear, tell) {
    this.saved = data.saved;
    this.data = data;
    this.hear = hear;
    this.tell = tell;
  }

  start() {
    this.tell("saved");
    this.hear(this.data, false);
  }

  async story(id) {
    const story = this.data.stories[id];
    if (story.problem) throw new Error(story.problem);
    return story;
  }

  async curves(ids) {
    const known = ids.filter((id) => this.data.curves[id]);
    return Object.fromEntries(known.map((id) => [id, this.data.curves[id]]));
  }

  url(path) {
    return this.data.media[path] || null;
  }
}
