// Before the page's own scripts: keeps what the microphone gave, and what the worker said of it.
window.spied = { pcm: [], moments: [], rate: 0 };
window.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => {
      if (data.kind === "heard") spied.moments.push(...data.heard.moments.map((one) => Array.from(one.vector)));
    });
  }

  postMessage(message, transfer) {
    if (message.name !== "listen") return super.postMessage(message, transfer);
    Object.assign(spied, { pcm: [], moments: [], rate: message.ask.sampleRateHz });
    const [channel, before] = [new MessageChannel(), message.ask.port];
    before.onmessage = ({ data }) => {
      spied.pcm.push(...data);
      channel.port1.postMessage(data);
    };
    return super.postMessage({ ...message, ask: { ...message.ask, port: channel.port2 } }, [channel.port2]);
  }
};
