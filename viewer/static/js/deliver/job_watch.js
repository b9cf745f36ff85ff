// Follows a job's progress by server-sent events until it ends.

/** Call onProgress(job) whenever the job changes. Resolves to the job as it ended; null when it cannot be followed. */
export function watchJob(jobId, onProgress) {
  return new Promise((resolve) => {
    const events = new EventSource(`/jobs/${jobId}/events`);
    events.addEventListener("progress", (event) => onProgress(JSON.parse(event.data)));
    events.addEventListener("end", (event) => {
      events.close();
      resolve(JSON.parse(event.data));
    });
    events.onerror = () => {
      // The browser connects again by itself, unless the server has refused.
      if (events.readyState === EventSource.CLOSED) resolve(null);
    };
  });
}
