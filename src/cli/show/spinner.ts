const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** What turns while something runs. */
export function spinnerAt(now: number): string {
  return frames[Math.floor(now / 100) % frames.length] ?? "";
}
