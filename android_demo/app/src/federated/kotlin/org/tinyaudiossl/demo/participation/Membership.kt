package org.tinyaudiossl.demo.participation

import java.io.File
import java.io.IOException
import java.util.Calendar
import org.json.JSONException
import org.json.JSONObject
import org.tinyaudiossl.federated.writeAtomically

/**
 * All that a phone keeps of its part in a federation, in one folder: whether its user agreed, the
 * limits, the enrollment, what was spent today, the history, and the state of the device.
 *
 * For one process; safe for several threads.
 */
class Membership(private val folder: File, private val nowMs: () -> Long = System::currentTimeMillis) {
    /** Rounding errors, the count of releases and, without a keystore, the key. */
    val state = File(folder, "state")

    /** The certificate of [enrollment]'s authority, as a file. */
    val authority = File(folder, "authority.crt")
    private val history = History(File(folder, "history.jsonl"))

    private val enrolledFile = File(folder, "enrollment.json")
    private val settingsFile = File(folder, "settings.json")
    private val spentFile = File(folder, "spent.json")

    /** Null: not enrolled, or the file is broken. */
    var enrollment: Enrollment?
        @Synchronized get() = try {
            if (enrolledFile.isFile) Enrollment.parse(enrolledFile.readText()) else null
        } catch (_: EnrollmentException) {
            null
        }

        @Synchronized set(value) {
            requireNotNull(value) { "an enrollment ends with forget()" }
            state.mkdirs()
            authority.writeAtomically(value.authority.toByteArray())
            enrolledFile.writeAtomically(value.toJson().toByteArray())
        }

    /** Whether the user has agreed; false at first. */
    var agreed: Boolean
        @Synchronized get() = read(settingsFile)?.optBoolean("agreed", false) ?: false

        @Synchronized set(value) = write(value, limits)

    var limits: Limits
        @Synchronized get() = read(settingsFile).let { found ->
            val usual = Limits()
            if (found == null) return usual
            Limits(found.optInt("minutes", usual.minutes), found.optInt("megabytes", usual.megabytes))
        }

        @Synchronized set(value) = write(agreed, value)

    /** What was spent today. */
    val spent: Spent
        @Synchronized get() {
            val found = read(spentFile)
            val today = day()
            if (found == null || found.optInt("day") != today) return Spent(today)
            return Spent(today, found.optLong("ms"), found.optLong("bytes"))
        }

    /** @throws IOException it can't be kept, or all was forgotten, so that nothing more may be spent. */
    @Synchronized
    fun spend(ms: Long, bytes: Long) {
        val before = spent
        val content = JSONObject().put("day", before.day).put("ms", before.ms + ms).put("bytes", before.bytes + bytes)
        spentFile.writeAtomically(content.toString().toByteArray())
    }

    /** The history, newest first. */
    val entries: List<Entry> get() = history.entries()

    fun note(entry: Entry) = try {
        history.add(entry)
    } catch (_: IOException) {
        // A full disk costs a line of the history, not the round; and after forget() there is none.
    }

    /** Deletes everything; whoever still works with this folder can't write there any more. */
    @Synchronized
    fun forget() {
        val doomed = File("$folder.forgotten")
        doomed.deleteRecursively() // of an earlier time that was cut off
        if (folder.exists() && !folder.renameTo(doomed)) throw IOException("$folder can't be deleted")
        if (!doomed.deleteRecursively()) throw IOException("$doomed can't be deleted")
    }

    private fun write(agreed: Boolean, limits: Limits) {
        folder.mkdirs()
        val content = JSONObject().put("agreed", agreed).put("minutes", limits.minutes).put("megabytes", limits.megabytes)
        settingsFile.writeAtomically(content.toString().toByteArray())
    }

    private fun read(file: File): JSONObject? = try {
        if (file.isFile) JSONObject(file.readText()) else null
    } catch (_: JSONException) {
        null
    }

    private fun day(): Int = Calendar.getInstance().run {
        timeInMillis = nowMs()
        (get(Calendar.YEAR) * 100 + get(Calendar.MONTH) + 1) * 100 + get(Calendar.DAY_OF_MONTH)
    }
}
