package org.tinyaudiossl.demo

import android.app.Activity
import android.app.AlertDialog
import android.content.Context
import android.view.View
import android.widget.Switch
import android.widget.TextView
import java.io.File
import org.tinyaudiossl.encoder.ClipStore

/** The switch that lets clips be kept, their number, and the button that deletes them. Off at first. */
class ClipsConsent(private val activity: Activity, private val onChange: (Boolean) -> Unit) {
    val store = clipStore(activity)

    private val preferences = activity.getSharedPreferences("settings", Activity.MODE_PRIVATE)
    private val switch: Switch = activity.findViewById(R.id.keep)
    private val counter: TextView = activity.findViewById(R.id.clips)

    fun connect() {
        store.prune()
        switch.setOnClickListener { if (switch.isChecked) ask() else set(false) }
        activity.findViewById<View>(R.id.delete_clips).setOnClickListener {
            store.deleteAll()
            show()
        }
        set(preferences.getBoolean(KEEPS, false))
    }

    /** How many there are by now. */
    fun show() {
        counter.text = activity.getString(R.string.clips, store.count, store.bytes / 1000)
    }

    private fun ask() {
        AlertDialog.Builder(activity)
            .setMessage(activity.getString(R.string.keep_clips_why, MAX_CLIPS, MAX_DAYS))
            .setPositiveButton(R.string.allow) { _, _ -> set(true) }
            .setNegativeButton(R.string.cancel) { _, _ -> set(false) }
            .setOnCancelListener { set(false) }
            .show()
    }

    private fun set(keeps: Boolean) {
        switch.isChecked = keeps
        preferences.edit().putBoolean(KEEPS, keeps).apply()
        onChange(keeps)
        show()
    }

    private companion object {
        const val KEEPS = "keeps_clips"
    }
}

/** The clips that the user lets the app keep. */
internal fun clipStore(context: Context) = ClipStore(clipFolder(context), MAX_CLIPS, MAX_DAYS)

internal fun clipFolder(context: Context) = File(context.noBackupFilesDir, "clips")

private const val MAX_CLIPS = 200
private const val MAX_DAYS = 30
