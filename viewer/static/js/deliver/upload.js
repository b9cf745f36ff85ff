// Sends files one after the other, telling how far each is; all files of one delivery go into one upload.

import { CityProblem } from "../city_api.js";
import { problemOf } from "../desk/desk_api.js";

/**
 * Send a file. upload: the id of the upload it belongs to, or null for a new one. onProgress(share of the bytes).
 * Returns {upload, name, bytes, sha256}; throws CityProblem. (fetch cannot tell how far an upload is.)
 */
export function sendFile(file, { upload, person, onProgress }) {
  const query = new URLSearchParams({ name: file.name });
  if (upload) query.set("upload", upload);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/deliveries/files?${query}`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Twin-Person", encodeURIComponent(person));
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new CityProblem("offline"));
    request.onload = async () => {
      const answer = new Response(request.responseText, { status: request.status });
      if (answer.ok) resolve(await answer.json());
      else reject(await problemOf(answer));
    };
    request.send(file);
  });
}
