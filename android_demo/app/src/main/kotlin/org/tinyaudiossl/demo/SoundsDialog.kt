package org.tinyaudiossl.demo

import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.text.InputType
import android.widget.EditText
import org.tinyaudiossl.encoder.Prototypes

/** To name, rename, delete, export and import what was taught. */
class SoundsDialog(private val activity: Activity, private val ear: Ear, private val onChange: () -> Unit) {

    /** All sounds, each of which opens its own dialog, and a last row that imports others. */
    fun show() {
        val counts = ear.sounds.counts.toList()
        val items = counts.map { (name, count) ->
            activity.getString(R.string.sound_examples, name, count)
        } + activity.getString(R.string.import_sounds)
        AlertDialog.Builder(activity)
            .setTitle(activity.getString(R.string.sounds, counts.size))
            .setItems(items.toTypedArray<CharSequence>()) { _, which ->
                counts.getOrNull(which)?.let { edit(it.first) } ?: pick(Intent.ACTION_OPEN_DOCUMENT, IMPORT)
            }
            .setPositiveButton(R.string.cancel, null)
            .setNeutralButton(R.string.export_sounds) { _, _ -> pick(Intent.ACTION_CREATE_DOCUMENT, EXPORT) }
            .setNegativeButton(R.string.delete_sounds) { _, _ ->
                change { this.counts.keys.fold(this, Prototypes::without) }
            }
            .show()
    }

    /** Asks what the unnamed example is of; an earlier name adds an example to it. */
    fun name() {
        val example = ear.unnamed ?: return
        ask(R.string.name_sound, "", onEnd = { ear.unnamed = null }) { name -> change { taught(name, example) } }
    }

    private fun edit(name: String) {
        AlertDialog.Builder(activity)
            .setTitle(name)
            .setPositiveButton(R.string.rename) { _, _ ->
                ask(R.string.rename, name) { new -> change { renamed(name, new) } }
            }
            .setNegativeButton(R.string.delete) { _, _ -> change { without(name) } }
            .setNeutralButton(R.string.cancel, null)
            .show()
    }

    private fun ask(title: Int, before: String, onEnd: () -> Unit = {}, onName: (String) -> Unit) {
        val field = EditText(activity)
        field.setText(before)
        field.setHint(R.string.sound_name)
        field.inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_CAP_SENTENCES
        AlertDialog.Builder(activity)
            .setTitle(title)
            .setView(field)
            .setPositiveButton(R.string.save) { _, _ ->
                field.text.toString().takeIf(String::isNotBlank)?.let(onName)
                onEnd()
            }
            .setNegativeButton(R.string.cancel) { _, _ -> onEnd() }
            .setOnCancelListener { onEnd() }
            .show()
    }

    private fun change(to: Prototypes.() -> Prototypes) {
        ear.sounds = ear.sounds.to()
        onChange()
    }

    /** Asks for a file, which [MainActivity] then writes or reads. */
    private fun pick(action: String, request: Int) {
        val picker = Intent(action)
            .addCategory(Intent.CATEGORY_OPENABLE)
            .setType(if (request == EXPORT) "application/json" else "*/*") // other apps name it otherwise
            .putExtra(Intent.EXTRA_TITLE, "sounds.json")
        @Suppress("DEPRECATION")
        activity.startActivityForResult(picker, request)
    }

    companion object {
        const val EXPORT = 0
        const val IMPORT = 1
    }
}
