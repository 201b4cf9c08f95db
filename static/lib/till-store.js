/* What the cashier's page keeps on the device: who it belongs to, and the codes taken without a connection. */
const open = () => new Promise((resolve, reject) => {
  const request = indexedDB.open("cashier", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("who");
    request.result.createObjectStore("items", { keyPath: "key" });
  };
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const run = async (store, mode, act) => {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode, { durability: "strict" });
      const request = act(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
};

/* Look at an item and change it in one transaction; what `act` says of it. */
const change = (key, act) => {
  const told = {};
  return run("items", "readwrite", (store) => {
    const asked = store.get(key);
    asked.onsuccess = () => { told.result = act(asked.result, store); };
    return told;
  });
};

export const readWho = () => run("who", "readonly", (store) => store.get("me"));
export const keepWho = (who) => run("who", "readwrite", (store) => store.put(who, "me"));
export const items = async () => (await run("items", "readonly", (store) => store.getAll())).sort((a, b) => (a.taken < b.taken ? -1 : 1));
export const put = (item) => run("items", "readwrite", (store) => store.put(item));
export const remove = (keys) => run("items", "readwrite", (store) => { keys.forEach((key) => store.delete(key)); });
/* A code to be sent now, or nothing where it was dropped meanwhile; from here on it may have arrived. */
export const claim = (key) => change(key, (item, store) => {
  if (item?.state !== "waiting") return undefined;
  const claimed = { ...item, tried: true };
  store.put(claimed);
  return claimed;
});
/* Forget a code that was never sent. */
export const drop = (key) => change(key, (item, store) => { if (item?.state === "waiting" && !item.tried) store.delete(key); });
/* Only where it is not there yet: a code that is sent again after a reload stays as it is. */
export const add = (item) => change(item.key, (before, store) => { if (!before) store.put(item); });
